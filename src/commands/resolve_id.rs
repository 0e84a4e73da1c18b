//! From the id that people have to the one that the service takes.
//!
//! An id with a letter that only Exchange's own ids have, the id of a conversation, and an
//! `internetMessageId` cost a look; any other is taken as it is, and looked at only once it was refused.

use super::{context::CommandContext, retrier::Retrier};
use crate::{
    graph::{Entry, Error, GraphClient, Item, ItemKind, Kind},
    links,
    report::{self, CommandLine, ExitReport},
};

/// The item under the id that the service knows it by.
pub(super) async fn resolve(
    item: Item,
    graph: &GraphClient,
    retrier: &Retrier<'_>,
    context: &CommandContext,
) -> report::Result<Item> {
    if links::is_internet_message_id(&item.id) {
        return of_internet_message_id(item, graph, retrier, context).await;
    }
    let foreign = item.id.contains(['/', '+']);
    let conversation = links::is_conversation(&item.id) && item.kind == ItemKind::Message;
    if !foreign && !conversation {
        return Ok(item);
    }
    let failed = |error: &Error, item: &Item| {
        let what = format!("cannot look at the {}", item.kind);
        report::mail(error, Some(item), &what, item.kind.permission())
    };
    let first = match look(&item, graph, retrier).await {
        Ok(()) => return Ok(item),
        Err(error) if is_unknown(&error) => error,
        Err(error) => return Err(failed(&error, &item)),
    };
    let mapped = Item {
        id: url_safe(&item.id),
        ..item.clone()
    };
    if foreign {
        match look(&mapped, graph, retrier).await {
            Ok(()) => {
                context
                    .printer
                    .detail(1, &format!("the id is `{}` to Graph", mapped.id));
                return Ok(mapped);
            }
            Err(error) if is_unknown(&error) => {}
            Err(error) => return Err(failed(&error, &mapped)),
        }
    }
    if conversation {
        return of_conversation(mapped, graph, retrier, context).await;
    }
    Err(failed(&first, &item))
}

/// `report`, or what it comes from when the id is that of the other kind of item.
pub(super) async fn explained(report: ExitReport, item: &Item, graph: &GraphClient) -> ExitReport {
    // An attachment that is not there says nothing about the item.
    let about_item = !report.heading.contains("is attached, but");
    if report.code != report::NOT_FOUND || !about_item {
        return report;
    }
    let (other, option) = match item.kind {
        ItemKind::Message => (ItemKind::Event, "--event"),
        ItemKind::Event => (ItemKind::Message, "--message"),
    };
    let there = Item {
        kind: other,
        ..item.clone()
    };
    match graph.item(&there, false).await {
        Ok(_) => ExitReport::not_found(format!(
            "that is the id of {} {other}, not of {} {}",
            article(other),
            article(item.kind),
            item.kind
        ))
        .advise(format!("name it with `{option}`")),
        // Of no interest here: the first error is what matters.
        Err(_) => report,
    }
}

fn article(kind: ItemKind) -> &'static str {
    match kind {
        ItemKind::Message => "a",
        ItemKind::Event => "an",
    }
}

/// The message that has this id in its header.
async fn of_internet_message_id(
    item: Item,
    graph: &GraphClient,
    retrier: &Retrier<'_>,
    context: &CommandContext,
) -> report::Result<Item> {
    let find = |what: &str| CommandLine::own("find").operand(what);
    if item.kind == ItemKind::Event {
        let what = "that is the id in the header of a message, and events have none";
        return Err(ExitReport::usage(what).run(find("events")));
    }
    let mailbox = item.mailbox.as_deref();
    let found = retrier.repeat(async || graph.by_internet_message_id(mailbox, &item.id).await);
    let found = found.await.map_err(|error| {
        let what = "cannot look for the message";
        report::mail(&error, None, what, item.kind.permission())
    })?;
    match found.as_slice() {
        [] => {
            let what = "no message here has that id in its header";
            Err(ExitReport::not_found(what).run(find("messages")))
        }
        [only] => {
            let what = format!("the message's id is `{}`", only.id);
            context.printer.detail(1, &what);
            Ok(Item {
                id: only.id.clone(),
                ..item
            })
        }
        several => Err(which(several)),
    }
}

/// Several messages that may be meant.
fn which(several: &[Entry]) -> ExitReport {
    let what = format!(
        "{} messages have that id in their header; which one?",
        several.len()
    );
    several.iter().fold(ExitReport::usage(what), |report, one| {
        report.advise(format!(
            "{} {}: --message {}",
            one.date, one.subject, one.id
        ))
    })
}

async fn look(item: &Item, graph: &GraphClient, retrier: &Retrier<'_>) -> Result<(), Error> {
    let looked = retrier.repeat(async || graph.item(item, false).await);
    looked.await.map(|_| ())
}

fn is_unknown(error: &Error) -> bool {
    matches!(error.kind, Kind::NotFound | Kind::MalformedId)
}

/// Graph writes base64 so that it can stand in a URL; Exchange's own interfaces do not.
fn url_safe(id: &str) -> String {
    id.replace('/', "-").replace('+', "_")
}

/// The only message of a conversation.
async fn of_conversation(
    item: Item,
    graph: &GraphClient,
    retrier: &Retrier<'_>,
    context: &CommandContext,
) -> report::Result<Item> {
    let mailbox = item.mailbox.as_deref();
    // Conversations keep the alphabet of Exchange, where messages have changed it.
    for id in [item.id.clone(), item.id.replace('-', "/").replace('_', "+")] {
        let found = retrier.repeat(async || graph.conversation(mailbox, &id).await);
        let found = match found.await {
            Ok(found) => found,
            Err(error) if is_unknown(&error) || error.kind == Kind::Refused => continue,
            Err(error) => {
                let what = "cannot look at the conversation";
                return Err(report::mail(&error, None, what, item.kind.permission()));
            }
        };
        match found.as_slice() {
            [] => {}
            [only] => {
                context.printer.detail(
                    1,
                    &format!("the conversation's only message is `{}`", only.id),
                );
                return Ok(Item {
                    id: only.id.clone(),
                    ..item
                });
            }
            several => {
                let report = ExitReport::usage(format!(
                    "that is a conversation of {} messages; which one?",
                    several.len()
                ));
                return Err(several.iter().fold(report, |report, one| {
                    report.advise(format!(
                        "{} {}: --message {}",
                        one.date, one.subject, one.id
                    ))
                }));
            }
        }
    }
    Err(
        ExitReport::not_found("that is the id of a conversation, and it has no message here")
            .run(CommandLine::own("find").arg("messages")),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exchange_s_alphabet_becomes_graph_s() {
        assert_eq!(url_safe("AAMk/a+b/c="), "AAMk-a_b-c=");
    }
}
