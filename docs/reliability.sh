#!/usr/bin/env bash
# Measures the table of figures in docs/reliability.md and writes it there.
#
#   docs/reliability.sh          1,000 random lives of each campaign, and everything else that is counted
#   docs/reliability.sh 10000    10,000 of them
#
# A figure is a line that a test prints: `figure: WHAT | N of M | DETAILS`.
set -euo pipefail
cd "$(dirname "$0")/.."

page=docs/reliability.md
log=$(mktemp)
trap 'rm -f "$log" "$log.page"' EXIT

commit=$(git rev-parse --short HEAD)
[ -z "$(git status --porcelain --untracked-files=no)" ] || commit="$commit, with changes"

# What fails is in the table too, as a figure that is not reached; the script then fails as well.
failed=0
CHAOS_RUNS=${1:-1000} LATE_RUNS=${1:-1000} cargo test --locked --test it -- --nocapture 2>&1 | tee "$log" || failed=1

table() {
    echo "Measured on $(date -u +%Y-%m-%d) at commit $commit, $(nproc 2>/dev/null || sysctl -n hw.ncpu) cores, $(uname -s) $(uname -m)."
    echo
    echo "| what | figure | |"
    echo "|---|---|---|"
    grep -o 'figure: .*' "$log" | sed 's/^figure: /| /; s/$/ |/' | LC_ALL=C sort
}

table > "$log.page"
awk -v table="$log.page" '
    /^<!-- figures -->$/ { print; while ((getline line < table) > 0) print line; inside = 1; next }
    /^<!-- end of figures -->$/ { inside = 0 }
    !inside
' "$page" > "$log"
cat "$log" > "$page"
exit "$failed"
