// Microsoft's JavaScript SDK: a draft, a small attachment, a large one in ranges, sending, a batch.

import { createHash, randomBytes } from "node:crypto";
import {
  BatchRequestContent,
  Client,
  FileUpload,
  LargeFileUploadTask,
} from "@microsoft/microsoft-graph-client";

const base = new URL(process.env.GRAPH_ATTACH_ENDPOINT);
const client = Client.init({
  baseUrl: base.origin + "/",
  customHosts: new Set([base.hostname]),
  authProvider: (done) => done(null, process.env.GRAPH_ATTACH_TOKEN),
});

const draft = await client.api("/me/messages").post({
  subject: "By the JavaScript SDK",
  toRecipients: [{ emailAddress: { address: "someone@example.com" } }],
});
const item = `/me/messages/${draft.id}`;
await client.api(`${item}/attachments`).post({
  "@odata.type": "#microsoft.graph.fileAttachment",
  name: "small.txt",
  contentBytes: Buffer.from("hello").toString("base64"),
});

const large = randomBytes(5_000_000);
const session = await LargeFileUploadTask.createUploadSession(
  client,
  `${item}/attachments/createUploadSession`,
  { AttachmentItem: { attachmentType: "file", name: "large.bin", size: large.length } },
);
const file = new FileUpload(large, "large.bin", large.length);
const task = new LargeFileUploadTask(client, file, session, { rangeSize: 1_966_080 });
const result = await task.upload();
if (!String(result.location).includes("Attachments")) throw new Error(`no location: ${result.location}`);

const items = await (await fetch(`${base.origin}/sandbox/items`)).json();
const held = items.find((held) => held.subject === "By the JavaScript SDK").attachments;
const hash = createHash("sha256").update(large).digest("hex");
if (held.length !== 2 || held[1].sha256 !== hash) throw new Error(JSON.stringify(held));

const batch = new BatchRequestContent([
  { id: "1", request: new Request(`${base.origin}/me`, { method: "GET" }) },
]);
const content = await batch.getContent();
content.requests[0].url = "/me";
const answers = await client.api("/$batch").post(content);
if (answers.responses[0].status !== 200) throw new Error(JSON.stringify(answers));

await client.api(`${item}/send`).post();
const sent = await client.api("/me/mailFolders/sentitems/messages").select("subject").get();
if (sent.value[0].subject !== "By the JavaScript SDK") throw new Error(JSON.stringify(sent));
