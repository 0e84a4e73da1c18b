//! The fault grammar, `WHERE@N[xCOUNT]=WHAT[:ARG]`, and which fault strikes which request.
//!
//! Pure: no I/O and no clock. What a fault does to a connection is in `exchange`.

use std::{fmt, num::NonZeroU64, str::FromStr, time::Duration};

/// The kind of request that a fault waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Where {
    /// `POST …/createUploadSession`.
    Create,
    /// PUT on an upload URL.
    Put,
    /// `POST …/attachments`.
    Post,
    /// GET on an upload URL.
    Status,
    /// DELETE on either host.
    Delete,
    /// GET of a collection of attachments.
    List,
    /// GET of an attachment's bytes, or of a message as MIME.
    Value,
    /// GET of a collection of messages or events.
    Find,
    /// Any GET on the Graph host but `list`.
    Get,
    /// POST that makes a draft or an event: `…/messages`, `…/events`, `createReply` and the like.
    Draft,
    /// PATCH of an item.
    Patch,
    /// POST that sends: `…/send`, `sendMail`, `reply`, `replyAll`, `forward`.
    Send,
    /// The token endpoint.
    Token,
    /// Every request, of these kinds or others.
    Any,
}

const WHERE: [(&str, Where); 14] = [
    ("create", Where::Create),
    ("put", Where::Put),
    ("post", Where::Post),
    ("status", Where::Status),
    ("delete", Where::Delete),
    ("list", Where::List),
    ("value", Where::Value),
    ("find", Where::Find),
    ("get", Where::Get),
    ("draft", Where::Draft),
    ("patch", Where::Patch),
    ("send", Where::Send),
    ("token", Where::Token),
    ("any", Where::Any),
];

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// This HTTP status instead of doing anything, with this `Retry-After`.
    Status(u16, Option<String>),
    /// The request is read, nothing is done, and the connection is closed.
    Drop,
    /// The request is carried out, and the connection is closed without an answer.
    Lost,
    /// TCP reset once this many bytes of the body have been read; nothing is done.
    Reset(u64),
    /// The request is carried out, and the answer is held back for this long.
    Stall(Duration),
    /// The session is gone: before the request, or after it when the request creates it.
    Expire,
    /// A page of HTML with status 502, as a gateway sends it; nothing is done.
    Html,
    /// A page of HTML with status 200, as a proxy sends it to those whom it blocks; nothing is done.
    Page,
    /// This HTTP status, with this `Retry-After`, although the request is carried out.
    Done(u16, Option<String>),
    /// Carried out only after this time; answered at once with this status, or by closing the connection.
    Late(Duration, Option<u16>),
    /// Carried out; the answer breaks off after so many bytes, or half of them.
    Cut(Option<u64>),
    /// Carried out; a complete answer with only the first so many bytes of it, or half of them.
    Short(Option<u64>),
    /// Carried out; the answer has its status and no body.
    Empty,
    /// Carried out; the answer's body has other bytes of the same number.
    Other,
}

/// One fault: what happens, to which requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Which requests are counted.
    pub place: Where,
    /// The first one that is struck, counting from 1.
    pub nth: NonZeroU64,
    /// How many in a row are struck.
    pub count: NonZeroU64,
    /// What happens to them.
    pub what: What,
}

/// Why a text is not a fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadFault {
    /// The parts are not where they belong.
    #[error("`{0}` is not of the form WHERE@N[xCOUNT]=WHAT[:ARG], such as `put@3=reset:1000000`")]
    Form(String),
    /// WHERE is none of the known ones.
    #[error(
        "`{0}` is not a valid kind of request: use create, put, post, status, delete, list, value, find, get, draft, patch, send, token or any"
    )]
    Where(String),
    /// N or COUNT is not a number from 1.
    #[error("`{0}` is not a count: requests are counted from 1")]
    Count(String),
    /// WHAT is none of the known ones.
    #[error(
        "`{0}` is not a valid fault: use an HTTP status, drop, lost, reset:BYTES, stall:SECS, expire, html, page, done:STATUS, late:SECS, cut, short, empty or other"
    )]
    What(String),
    /// ARG does not belong to this WHAT.
    #[error("`{what}` cannot take `{argument}`: {why}")]
    Argument {
        /// The fault.
        what: String,
        /// Its argument as given.
        argument: String,
        /// What it should have been.
        why: &'static str,
    },
    /// `expire` where no session is involved.
    #[error("`expire` needs a request that has a session: create, put, status, delete or any")]
    NoSession,
}

impl FromStr for Fault {
    type Err = BadFault;

    fn from_str(text: &str) -> Result<Self, BadFault> {
        let form = || BadFault::Form(text.to_owned());
        let (when, what) = text.trim().split_once('=').ok_or_else(form)?;
        let (place, counts) = when.split_once('@').ok_or_else(form)?;
        let place = WHERE
            .iter()
            .find(|(word, _)| *word == place)
            .map(|(_, place)| *place)
            .ok_or_else(|| BadFault::Where(place.to_owned()))?;
        let (nth, count) = match counts.split_once('x') {
            Some((nth, count)) => (number(nth)?, number(count)?),
            None => (number(counts)?, NonZeroU64::MIN),
        };
        let what = parse_what(what)?;
        let has_session = matches!(
            place,
            Where::Create | Where::Put | Where::Status | Where::Delete | Where::Any
        );
        if what == What::Expire && !has_session {
            return Err(BadFault::NoSession);
        }
        Ok(Fault {
            place,
            nth,
            count,
            what,
        })
    }
}

fn number(text: &str) -> Result<NonZeroU64, BadFault> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits
        .then(|| text.parse().ok())
        .flatten()
        .ok_or_else(|| BadFault::Count(text.to_owned()))
}

fn parse_what(text: &str) -> Result<What, BadFault> {
    let (word, argument) = match text.split_once(':') {
        Some((word, argument)) => (word, Some(argument)),
        None => (text, None),
    };
    let bad = |why| BadFault::Argument {
        what: word.to_owned(),
        argument: argument.unwrap_or_default().to_owned(),
        why,
    };
    match (word, argument) {
        ("drop", None) => Ok(What::Drop),
        ("lost", None) => Ok(What::Lost),
        ("expire", None) => Ok(What::Expire),
        ("html", None) => Ok(What::Html),
        ("page", None) => Ok(What::Page),
        ("empty", None) => Ok(What::Empty),
        ("other", None) => Ok(What::Other),
        ("drop" | "lost" | "expire" | "html" | "page" | "empty" | "other", Some(_)) => {
            Err(bad("it has no argument"))
        }
        ("cut", bytes) => bytes
            .map(str::parse)
            .transpose()
            .map(What::Cut)
            .map_err(|_| bad("give a number of bytes")),
        ("short", bytes) => bytes
            .map(str::parse)
            .transpose()
            .map(What::Short)
            .map_err(|_| bad("give a number of bytes")),
        ("done", argument) => {
            let argument = argument.ok_or_else(|| bad("give an HTTP status"))?;
            match parse_what(argument) {
                Ok(What::Status(status, after)) => Ok(What::Done(status, after)),
                _ => Err(bad("give an HTTP status")),
            }
        }
        ("late", argument) => {
            let argument = argument.unwrap_or_default();
            let (time, status) = match argument.split_once(':') {
                Some((time, status)) => (time, Some(status)),
                None => (argument, None),
            };
            let why = "give seconds, and a status if it is answered: late:4 or late:4:504";
            let time = seconds(time).ok_or_else(|| bad(why))?;
            let status = status.map(|status| match parse_what(status) {
                Ok(What::Status(status, None)) => Ok(status),
                _ => Err(bad(why)),
            });
            Ok(What::Late(time, status.transpose()?))
        }
        ("reset", Some(bytes)) => bytes
            .parse()
            .map(What::Reset)
            .map_err(|_| bad("give a number of bytes")),
        ("reset", None) => Ok(What::Reset(0)),
        ("stall", time) => time
            .and_then(seconds)
            .map(What::Stall)
            .ok_or_else(|| bad("give a number of seconds")),
        (status, retry_after) if status.len() == 3 => {
            let code: u16 = status
                .parse()
                .map_err(|_| BadFault::What(text.to_owned()))?;
            if !(200..=599).contains(&code) {
                return Err(BadFault::What(text.to_owned()));
            }
            match retry_after {
                Some(value) if !is_retry_after(value) => {
                    Err(bad("Retry-After is a number of seconds or an HTTP date"))
                }
                value => Ok(What::Status(code, value.map(str::to_owned))),
            }
        }
        _ => Err(BadFault::What(text.to_owned())),
    }
}

fn seconds(text: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(text.parse().ok()?).ok()
}

/// RFC 9110, 10.2.3: seconds or an HTTP date.
fn is_retry_after(text: &str) -> bool {
    text.parse::<u32>().is_ok() || jiff::fmt::rfc2822::parse(text).is_ok()
}

impl fmt::Display for Where {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = WHERE
            .iter()
            .find(|(_, place)| place == self)
            .map_or("any", |(word, _)| word);
        f.write_str(word)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.place, self.nth)?;
        if self.count.get() > 1 {
            write!(f, "x{}", self.count)?;
        }
        write!(f, "={}", self.what)
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            What::Status(code, None) => write!(f, "{code}"),
            What::Status(code, Some(after)) => write!(f, "{code}:{after}"),
            What::Drop => f.write_str("drop"),
            What::Lost => f.write_str("lost"),
            What::Reset(bytes) => write!(f, "reset:{bytes}"),
            What::Stall(time) => write!(f, "stall:{}", time.as_secs_f64()),
            What::Expire => f.write_str("expire"),
            What::Html => f.write_str("html"),
            What::Page => f.write_str("page"),
            What::Done(code, None) => write!(f, "done:{code}"),
            What::Done(code, Some(after)) => write!(f, "done:{code}:{after}"),
            What::Late(time, None) => write!(f, "late:{}", time.as_secs_f64()),
            What::Late(time, Some(code)) => write!(f, "late:{}:{code}", time.as_secs_f64()),
            What::Cut(None) => f.write_str("cut"),
            What::Cut(Some(bytes)) => write!(f, "cut:{bytes}"),
            What::Short(None) => f.write_str("short"),
            What::Short(Some(bytes)) => write!(f, "short:{bytes}"),
            What::Empty => f.write_str("empty"),
            What::Other => f.write_str("other"),
        }
    }
}

/// The faults in force, each with the number of requests it has counted since it was added.
#[derive(Debug, Default)]
pub struct FaultPlan {
    faults: Vec<(Fault, u64)>,
}

impl FaultPlan {
    /// Adds faults; they count from the next request on.
    pub fn add(&mut self, faults: impl IntoIterator<Item = Fault>) {
        self.faults
            .extend(faults.into_iter().map(|fault| (fault, 0)));
    }

    /// Removes all of them.
    pub fn clear(&mut self) {
        self.faults.clear();
    }

    /// The faults that may still strike.
    pub fn pending(&self) -> impl Iterator<Item = &Fault> {
        self.faults
            .iter()
            .filter(|(fault, seen)| *seen < fault.nth.get().saturating_add(fault.count.get() - 1))
            .map(|(fault, _)| fault)
    }

    /// Counts a request of these kinds, and says what happens to it. When several faults meet in
    /// one request, the one that was added first strikes.
    pub fn strike(&mut self, places: &[Where]) -> Option<What> {
        let mut struck = None;
        for (fault, seen) in &mut self.faults {
            if fault.place != Where::Any && !places.contains(&fault.place) {
                continue;
            }
            *seen += 1;
            let first = fault.nth.get();
            let last = first.saturating_add(fault.count.get() - 1);
            if (first..=last).contains(seen) && struck.is_none() {
                struck = Some(fault.what.clone());
            }
        }
        struck
    }
}

#[cfg(test)]
mod tests;
