#!/usr/bin/env bash
# curl: a session, two ranges, and the file back.
set -euo pipefail

graph() { curl -fsS -H "Authorization: Bearer $GRAPH_ATTACH_TOKEN" -H 'Content-Type: application/json' "$@"; }
item="$GRAPH_ATTACH_ENDPOINT/me/messages/$GRAPH_ATTACH_MESSAGE"
file=$(mktemp)
trap 'rm -f "$file"' EXIT
head -c 5000000 /dev/urandom > "$file"

url=$(graph "$item/attachments/createUploadSession" \
    -d '{"AttachmentItem":{"attachmentType":"file","name":"large.bin","size":5000000}}' |
    sed 's/.*"uploadUrl":"\([^"]*\)".*/\1/')
# Upload URLs hold brackets and quotes: in quotes, and with -g.
range() {
    dd if="$file" bs=1000000 skip="$(($1 / 1000000))" count="$((($2 - $1) / 1000000))" status=none |
        curl -fsS -g -X PUT -H 'Content-Type: application/octet-stream' \
            -H "Content-Range: bytes $1-$(($2 - 1))/5000000" --data-binary @- -D - -o /dev/null "$url"
}
range 0 3000000 > /dev/null
id=$(range 3000000 5000000 | tr -d '\r' | sed -n "s/^[Ll]ocation: .*Attachments('\(.*\)')$/\1/p")
graph "$item/attachments/$id/\$value" | cmp - "$file"
