//! How a mail job ended, for a person: what stopped it, and what can be done next.

use crate::{
    graph::{Item, ItemKind},
    mail::{MailNote, MailStop},
    report::{self, CommandLine, ExitReport},
};

/// What stopped a job whose message is `item`.
pub(super) fn stopped(stop: &MailStop, item: &Item, subject: &str) -> ExitReport {
    let known = Some(item).filter(|item| !item.id.is_empty());
    let in_mailbox = |line: CommandLine| match &item.mailbox {
        Some(mailbox) => line.option("--mailbox", mailbox),
        None => line,
    };
    match stop {
        MailStop::Failed(error) => {
            let permission = ItemKind::Message.permission();
            let what = match known {
                Some(_) => "the mail is not finished",
                None => "cannot make the draft",
            };
            report::mail(error, known, what, permission)
        }
        MailStop::Files => ExitReport::new(
            report::TEMPORARY,
            "Unfinished",
            "not every file is attached: run the command again",
        ),
        MailStop::Unknown => {
            let find = CommandLine::own("find")
                .arg("messages")
                .option("--subject", subject);
            let mut report = ExitReport::not_known(
                "not known whether the message was sent: see Sent Items before you send it again",
                None,
            )
            .run(in_mailbox(find));
            if known.is_some() {
                // The first looks; the second looks too, and then sends what is still a draft.
                report = report.run(in_mailbox(CommandLine::own("send")).operand(&item.id));
            }
            report
        }
        MailStop::Differs(id) => ExitReport::refused(format!(
            "a message with the same key holds something else: {id}"
        ))
        .advise("send that one, or delete it, or use another key"),
        MailStop::NotADraft => {
            ExitReport::refused("the message is not a draft: it was sent already, or received")
                .run(CommandLine::own("find").arg("drafts"))
        }
        MailStop::DraftGone => {
            ExitReport::not_found("the draft is not there: it was sent, moved or deleted")
                .run(CommandLine::own("find").arg("drafts"))
        }
    }
}

/// What a person should know of a job that continues.
pub(super) fn note(note: &MailNote) -> String {
    match note {
        MailNote::AnotherDraft(id) => {
            format!("another draft with the same key is there, and is not used: {id}")
        }
        MailNote::DraftMayBeLeft => {
            "an answer was lost meanwhile: another draft with this subject may be left over"
                .to_owned()
        }
    }
}
