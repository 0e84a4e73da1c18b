//! Makes a draft of what the options say.

use std::{
    fs,
    io::{self, Read},
    path::Path,
};

use serde_json::{Map, Value};

use super::{context::CommandContext, retrier::Retrier};
use crate::{
    args::{ComposeArgs, People},
    graph::{Address, Body, Draft, Found, GraphClient, ItemKind},
    report::{self, ExitReport},
    upload::SourceError,
};

/// Longest text or JSON file that is read, in bytes: a request to Graph has at most 4 MiB, and JSON
/// needs up to twice the room of a text in most languages.
const LONGEST: u64 = 2_000_000;

/// Whether any of the options was given.
pub(super) fn is_given(args: &ComposeArgs) -> bool {
    let people = [&args.to, &args.cc, &args.bcc];
    people.iter().any(|people| !people.is_empty())
        || args.subject.is_some()
        || args.body_file.is_some()
        || args.json_file.is_some()
}

/// What the options say. Reads the files that they name.
pub(super) fn draft(args: &ComposeArgs) -> report::Result<Draft> {
    if args.subject.is_none() && args.json_file.is_none() {
        return Err(ExitReport::usage("the draft has no subject")
            .advise("give it one with `--subject TEXT`; `--subject ''` leaves it empty"));
    }
    let base = match &args.json_file {
        None => Map::new(),
        Some(path) => {
            let shown = path.display();
            match serde_json::from_str(&text(path)?) {
                Ok(Value::Object(message)) => message,
                Ok(_) => {
                    return Err(ExitReport::usage(format!("`{shown}` is not a message in JSON"))
                        .advise("it looks like {\"subject\": \"Report\", \"body\": {\"contentType\": \"text\", \"content\": \"…\"}}"));
                }
                Err(error) => {
                    return Err(ExitReport::usage(format!("`{shown}` is not JSON: {error}")));
                }
            }
        }
    };
    let body = match &args.body_file {
        None => None,
        Some(path) => Some(Body {
            content: text(path)?,
            html: args.html,
        }),
    };
    Ok(Draft {
        base,
        to: all(&args.to),
        cc: all(&args.cc),
        bcc: all(&args.bcc),
        subject: args.subject.clone(),
        body,
    })
}

fn all(people: &[People]) -> Vec<Address> {
    people.iter().flat_map(|people| people.0.clone()).collect()
}

/// A file's text, or standard input's.
fn text(path: &Path) -> Result<String, SourceError> {
    let wrong = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => SourceError::Missing(path.to_owned()),
        _ => SourceError::Unreadable {
            path: path.to_owned(),
            source,
        },
    };
    let mut bytes = Vec::new();
    let read = |from: &mut dyn Read, into: &mut Vec<u8>| from.take(LONGEST + 1).read_to_end(into);
    if path == Path::new("-") {
        read(&mut io::stdin().lock(), &mut bytes)
    } else {
        fs::File::open(path).and_then(|mut file| read(&mut file, &mut bytes))
    }
    .map_err(wrong)?;
    if bytes.len() as u64 > LONGEST {
        let why = format!("it has more than {LONGEST} bytes, which is too much for a text");
        return Err(wrong(io::Error::other(why)));
    }
    String::from_utf8(bytes).map_err(|_| {
        wrong(io::Error::new(
            io::ErrorKind::InvalidData,
            "it is not text in UTF-8",
        ))
    })
}

/// Makes the draft at the service.
pub(super) async fn create(
    draft: &Draft,
    immutable: bool,
    graph: &GraphClient,
    retrier: &Retrier<'_>,
    context: &CommandContext,
) -> report::Result<Found> {
    let mailbox = context.mailbox()?;
    let made = retrier.repeat(async || {
        let mailbox = mailbox.as_deref();
        graph.create_draft(mailbox, draft, immutable).await
    });
    let permission = ItemKind::Message.permission();
    let found = made
        .await
        .map_err(|error| report::mail(&error, None, "cannot make the draft", permission))?;
    if retrier.doubted() {
        context.printer.warn(
            "an answer was lost meanwhile: another draft with this subject and nothing attached \
             may be left over",
        );
    }
    Ok(found)
}
