//! What a mail job asks of the service, as a trait: Graph here, a test's elsewhere.

use serde_json::{Map, Value};

use crate::{
    Error, Item, ItemKind,
    client::{Answer, GraphClient, MailInfo, MailKey},
    store::MailOrigin,
};

/// The requests of a mail job, but for those of its files.
pub trait MailService {
    /// The messages with the job's key.
    fn find(&self) -> impl Future<Output = Result<Vec<MailInfo>, Error>>;
    /// The messages in Sent Items with this `internetMessageId`.
    fn find_sent(&self, id: &str) -> impl Future<Output = Result<Vec<MailInfo>, Error>>;
    /// A message.
    fn look(&self, id: &str) -> impl Future<Output = Result<MailInfo, Error>>;
    /// Makes the draft.
    fn create(&self) -> impl Future<Output = Result<MailInfo, Error>>;
    /// Puts the key on a draft that was made without.
    fn mark(&self, id: &str) -> impl Future<Output = Result<(), Error>>;
    /// Sends a draft.
    fn send(&self, id: &str) -> impl Future<Output = Result<(), Error>>;
}

/// One job at Graph.
pub struct GraphMail<'a> {
    /// The Graph host.
    pub graph: &'a GraphClient,
    /// Whose mailbox.
    pub mailbox: Option<&'a str>,
    /// How the message comes to be.
    pub origin: &'a MailOrigin,
    /// What it is to be.
    pub message: &'a Map<String, Value>,
    /// By which it is found.
    pub key: &'a MailKey,
    /// The digest of what it is to hold.
    pub content: &'a str,
}

impl GraphMail<'_> {
    fn item(&self, id: &str) -> Item {
        Item {
            kind: ItemKind::Message,
            id: id.to_owned(),
            mailbox: self.mailbox.map(str::to_owned),
        }
    }
}

/// What the creation of an answer takes: the text of the answer above what it answers. Everything else
/// is changed on the draft afterwards.
fn answer_body(message: &Map<String, Value>) -> Value {
    let body = message.get("body");
    let part = |name: &str| body.and_then(|body| body.get(name)).and_then(Value::as_str);
    match (part("contentType"), part("content")) {
        // `comment` and `message` exclude each other; a comment is text.
        (Some("html"), Some(_)) => serde_json::json!({"message": {"body": body}}),
        (_, Some(text)) => serde_json::json!({"comment": text}),
        _ => serde_json::json!({}),
    }
}

impl MailService for GraphMail<'_> {
    async fn find(&self) -> Result<Vec<MailInfo>, Error> {
        self.graph.with_key(self.mailbox, self.key).await
    }

    async fn find_sent(&self, id: &str) -> Result<Vec<MailInfo>, Error> {
        self.graph.sent_as(self.mailbox, id).await
    }

    async fn look(&self, id: &str) -> Result<MailInfo, Error> {
        // Only of a message that was there before must the id outlive the sending: it has no key.
        let immutable = matches!(self.origin, MailOrigin::Message(_));
        self.graph.mail(&self.item(id), immutable).await
    }

    async fn create(&self) -> Result<MailInfo, Error> {
        let (mailbox, graph) = (self.mailbox, self.graph);
        let (answer, id) = match self.origin {
            MailOrigin::New | MailOrigin::Message(_) => {
                return graph
                    .create_keyed(mailbox, self.message, self.key, self.content)
                    .await;
            }
            MailOrigin::Reply(id) => (Answer::Reply, id),
            MailOrigin::ReplyAll(id) => (Answer::ReplyAll, id),
            MailOrigin::Forward(id) => (Answer::Forward, id),
        };
        let body = answer_body(self.message);
        graph.create_answer(mailbox, answer, id, &body).await
    }

    async fn mark(&self, id: &str) -> Result<(), Error> {
        let mut changes = self.message.clone();
        // The text is there already, above what is answered.
        changes.remove("body");
        let item = self.item(id);
        self.graph
            .mark(&item, &changes, self.key, self.content)
            .await
    }

    async fn send(&self, id: &str) -> Result<(), Error> {
        self.graph.send(&self.item(id)).await
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_has_a_comment_or_a_message_and_never_both() {
        let body = |message: Value| answer_body(message.as_object().unwrap());
        assert_eq!(body(json!({})), json!({}));
        let text = json!({"body": {"contentType": "text", "content": "Thanks"}});
        assert_eq!(body(text), json!({"comment": "Thanks"}));
        let html = json!({"body": {"contentType": "html", "content": "<p>"}, "subject": "x"});
        assert_eq!(
            body(html),
            json!({"message": {"body": {"contentType": "html", "content": "<p>"}}})
        );
    }
}
