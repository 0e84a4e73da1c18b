"""Office365-REST-Python-Client: has the service's names built in, and sends the upload URL's own token as a
bearer. So it needs `--tls` and `--upload-auth own`."""

import time

from office365.graph_client import GraphClient

import common

common.send_microsoft_s_names_here()

client = GraphClient(
    lambda: {"token_type": "Bearer", "access_token": common.TOKEN, "expires_in": 3600, "expires_on": time.time() + 3600}
)
message = client.me.messages.add(
    subject="By Office365-REST", body="hello", to_recipients=["someone@example.com"]
).execute_query()
message.add_file_attachment("small.txt", common.SMALL.decode())
with common.large_file() as large:
    message.upload_attachment(large.name).execute_query()
held = [file for item in common.control("items") if item["subject"] == "By Office365-REST" for file in item["attachments"]]
assert len(common.LARGE) in [file["size"] for file in held], held
message.send().execute_query()
sent = client.me.mail_folders["sentitems"].messages.get().execute_query()
assert [message.subject for message in sent] == ["By Office365-REST"]
