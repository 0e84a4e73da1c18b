"""Microsoft's Python SDK: drafts, attachments by POST, sending, answers, moving.

Its `LargeFileUploadTask` (msgraph-core 1.5.2) cannot read the documented `["2097152"]`, here as in life. With
`--ranges closed` every byte arrives, and then it reports an error, because it sends a range too many."""

import asyncio
import os
from io import BytesIO

from azure.core.credentials import AccessToken
from kiota_abstractions.authentication import AccessTokenProvider, AllowedHostsValidator
from kiota_abstractions.authentication.base_bearer_token_authentication_provider import (
    BaseBearerTokenAuthenticationProvider,
)
from msgraph import GraphRequestAdapter, GraphServiceClient
from msgraph.generated.models.attachment_item import AttachmentItem
from msgraph.generated.models.attachment_type import AttachmentType
from msgraph.generated.models.body_type import BodyType
from msgraph.generated.models.email_address import EmailAddress
from msgraph.generated.models.file_attachment import FileAttachment
from msgraph.generated.models.item_body import ItemBody
from msgraph.generated.models.message import Message
from msgraph.generated.models.recipient import Recipient
from msgraph.generated.models.single_value_legacy_extended_property import (
    SingleValueLegacyExtendedProperty,
)
from msgraph.generated.users.item.messages.item.attachments.create_upload_session.create_upload_session_post_request_body import (
    CreateUploadSessionPostRequestBody,
)
from msgraph.generated.users.item.messages.item.move.move_post_request_body import MovePostRequestBody
from msgraph.generated.users.item.messages.messages_request_builder import MessagesRequestBuilder
from msgraph_core.tasks.large_file_upload import LargeFileUploadTask

import common

KEY = "String {66f5a359-4659-4830-9070-00047ec6ac6e} Name Client"


class Tokens(AccessTokenProvider):
    async def get_authorization_token(self, uri, additional_authentication_context={}):
        return common.TOKEN if ":" + common.SANDBOX.rsplit(":", 1)[1] in uri else ""

    def get_allowed_hosts_validator(self):
        return AllowedHostsValidator(["127.0.0.1"])


async def main():
    adapter = GraphRequestAdapter(BaseBearerTokenAuthenticationProvider(Tokens()))
    adapter.base_url = common.ENDPOINT
    me = GraphServiceClient(request_adapter=adapter).users.by_user_id("sandbox@example.com")
    draft = await me.messages.post(
        Message(
            subject="By msgraph-sdk",
            body=ItemBody(content="hello", content_type=BodyType.Text),
            to_recipients=[Recipient(email_address=EmailAddress(address="someone@example.com"))],
            single_value_extended_properties=[SingleValueLegacyExtendedProperty(id=KEY, value="7")],
        )
    )
    item = me.messages.by_message_id(draft.id)
    await item.attachments.post(
        FileAttachment(
            odata_type="#microsoft.graph.fileAttachment", name="small.txt", content_bytes=common.SMALL
        )
    )
    common.check("By msgraph-sdk", common.SMALL)
    listed = await item.attachments.get()
    assert [file.name for file in listed.value] == ["small.txt"]

    session = await item.attachments.create_upload_session.post(
        CreateUploadSessionPostRequestBody(
            attachment_item=AttachmentItem(
                attachment_type=AttachmentType.File, name="large.bin", size=len(common.LARGE)
            )
        )
    )
    assert session.upload_url and session.next_expected_ranges == ["0-"]
    if os.environ.get("RANGES") == "closed":
        task = LargeFileUploadTask(session, adapter, BytesIO(common.LARGE), max_chunk_size=2_000_000)
        try:
            await task.upload()
        except Exception as error:
            print("as expected, after the last byte:", type(error).__name__)
        common.check("By msgraph-sdk", common.SMALL, common.LARGE)

    parameters = MessagesRequestBuilder.MessagesRequestBuilderGetQueryParameters(
        select=["subject"],
        filter=f"singleValueExtendedProperties/Any(ep: ep/id eq '{KEY}' and ep/value eq '7')",
    )
    found = await me.messages.get(
        MessagesRequestBuilder.MessagesRequestBuilderGetRequestConfiguration(query_parameters=parameters)
    )
    assert [message.id for message in found.value] == [draft.id]

    await item.send.post()
    sent = await me.mail_folders.by_mail_folder_id("sentitems").messages.get()
    assert [message.subject for message in sent.value] == ["By msgraph-sdk"]
    moved = await me.messages.by_message_id(sent.value[0].id).move.post(
        MovePostRequestBody(destination_id="archive")
    )
    assert moved.subject == "By msgraph-sdk"


asyncio.run(main())
