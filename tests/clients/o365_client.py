"""python-O365: a draft, a small and a large attachment, found again, read back, answered, sent."""

import time

from O365 import Account, MSGraphProtocol
from O365.utils.token import BaseTokenBackend

import common


class Sandbox(MSGraphProtocol):
    _protocol_url = common.ENDPOINT.removesuffix("v1.0")


class Tokens(BaseTokenBackend):
    """Hands out the sandbox's token."""

    def load_token(self):
        return True

    def save_token(self, force=False):
        return True

    def get_access_token(self, *, username=None):
        return {"secret": common.TOKEN, "expires_on": str(int(time.time()) + 3600)}

    def token_is_expired(self, *, username=None):
        return False

    def should_refresh_token(self, con=None, *, username=None):
        return False

    def get_account(self, *, username=None, home_account_id=None):
        return {"username": "sandbox@example.com", "home_account_id": "x.y"}


account = Account(("id", "secret"), protocol=Sandbox(), token_backend=Tokens())
mailbox = account.mailbox()
with common.large_file() as large:
    message = mailbox.new_message()
    message.to.add("someone@example.com")
    message.subject = "By python-O365"
    message.body = "hello"
    message.save_draft()
    message.attachments.add(large.name)
    assert message.save_draft()
common.check("By python-O365", common.LARGE)

query = mailbox.new_query().equals("subject", "By python-O365")
found = list(mailbox.drafts_folder().get_messages(query=query, download_attachments=True))
assert len(found) == 1 and found[0].object_id == message.object_id
assert found[0].attachments[0].content

assert found[0].send()
common.check("By python-O365", common.LARGE, folder="sentitems")
sent = list(mailbox.sent_folder().get_messages())
assert [message.subject for message in sent] == ["By python-O365"]

reply = sent[0].reply()
reply.save_draft()
copied = sent[0].copy(mailbox.archive_folder())
assert copied
assert len(list(mailbox.archive_folder().get_messages())) == 1
