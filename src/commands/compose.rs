//! Makes a draft of what the options say.

use std::{
    fs,
    io::{self, Read},
    path::Path,
};

use serde_json::{Map, Value};

use super::mail_job::NewMail;
use crate::{
    args::{ComposeArgs, OriginArgs, People},
    graph::{Address, Body, Draft},
    report::{self, ExitReport},
    session::MailOrigin,
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
        || args.body.is_some()
        || args.body_file.is_some()
        || args.json_file.is_some()
}

/// A mail that the options describe.
pub(super) struct Composed {
    pub(super) draft: Draft,
    pub(super) mail: NewMail,
}

/// What the options say a mail is to be, and from what it is made. Reads the files that they name.
pub(super) fn mail(args: &ComposeArgs, origin: &OriginArgs) -> report::Result<Composed> {
    let draft = draft(args, origin.is_answer())?;
    let message = match draft.json() {
        Value::Object(message) => message,
        _ => Map::new(),
    };
    let made = match (&origin.reply, &origin.reply_all, &origin.forward) {
        (Some(id), _, _) => MailOrigin::Reply(id.clone()),
        (_, Some(id), _) => MailOrigin::ReplyAll(id.clone()),
        (_, _, Some(id)) => MailOrigin::Forward(id.clone()),
        (None, None, None) => MailOrigin::New,
    };
    let mail = NewMail {
        origin: made,
        message,
        once: origin.once.clone(),
    };
    Ok(Composed { draft, mail })
}

/// What the options say. An answer has the subject of what it answers.
fn draft(args: &ComposeArgs, is_answer: bool) -> report::Result<Draft> {
    if args.html && args.body.is_none() && args.body_file.is_none() {
        return Err(
            ExitReport::usage("`--html` is about a text, and there is none")
                .advise("give it one with `--body TEXT` or `--body-file FILE`"),
        );
    }
    if args.subject.is_none() && args.json_file.is_none() && !is_answer {
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
    let content = match (&args.body, &args.body_file) {
        (Some(body), _) => Some(body.clone()),
        (None, Some(path)) => Some(text(path)?),
        (None, None) => None,
    };
    let html = args.html;
    let body = content.map(|content| Body { content, html });
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
