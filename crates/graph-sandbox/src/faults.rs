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
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fault(text: &str) -> Fault {
        text.parse()
            .unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn the_grammar_in_full() {
        assert_eq!(fault("put@1=drop").what, What::Drop);
        assert_eq!(fault("put@2x3=lost").count.get(), 3);
        assert_eq!(fault("put@2=reset:1000000").what, What::Reset(1_000_000));
        assert_eq!(fault("put@2=reset").what, What::Reset(0));
        assert_eq!(
            fault("status@1=stall:0.5").what,
            What::Stall(Duration::from_millis(500))
        );
        assert_eq!(fault("create@1=expire").what, What::Expire);
        assert_eq!(fault("list@1=html").what, What::Html);
        assert_eq!(fault("value@1=page").what, What::Page);
        assert_eq!(fault("value@1=cut").what, What::Cut(None));
        assert_eq!(fault("value@1=short:7").what, What::Short(Some(7)));
        assert_eq!(fault("post@1=done:404").what, What::Done(404, None));
        assert_eq!(
            fault("post@1=done:503:2").what,
            What::Done(503, Some("2".to_owned()))
        );
        assert_eq!(
            fault("send@1=late:1.5:504").what,
            What::Late(Duration::from_millis(1500), Some(504))
        );
        assert_eq!(
            fault("post@1=late:4").what,
            What::Late(Duration::from_secs(4), None)
        );
        assert_eq!(fault("any@1=503").what, What::Status(503, None));
        assert_eq!(
            fault("post@1=429:7").what,
            What::Status(429, Some("7".to_owned()))
        );
        assert_eq!(
            fault("send@1=503:Wed, 21 Oct 2026 07:28:00 GMT").what,
            What::Status(503, Some("Wed, 21 Oct 2026 07:28:00 GMT".to_owned()))
        );
    }

    #[test]
    fn what_is_no_fault_is_refused() {
        for text in [
            "",
            "put",
            "put@1",
            "put=drop",
            "@1=drop",
            "putt@1=drop",
            "put@0=drop",
            "put@-1=drop",
            "put@+1=drop",
            "put@1x0=drop",
            "put@1x=drop",
            "put@x2=drop",
            "put@1=",
            "put@1=explode",
            "put@1=drop:1",
            "put@1=html:x",
            "put@1=page:x",
            "put@1=done",
            "put@1=done:drop",
            "put@1=late",
            "put@1=late:x",
            "put@1=late:1:lost",
            "put@1=cut:x",
            "put@1=short:-1",
            "put@1=reset:many",
            "put@1=stall",
            "put@1=stall:-1",
            "put@1=stall:nan",
            "put@1=99",
            "put@1=600",
            "put@1=199",
            "put@1=5o3",
            "put@1=429:soon",
            "post@1=expire",
            "list@1=expire",
            "get@1=expire",
            "send@1=expire",
            "put@1=503:",
        ] {
            assert!(text.parse::<Fault>().is_err(), "`{text}` was taken");
        }
    }

    #[test]
    fn messages_name_what_is_wrong() {
        let error = |text: &str| text.parse::<Fault>().unwrap_err().to_string();
        assert!(error("putt@1=drop").contains("`putt`"));
        assert!(error("put@0=drop").contains("counted from 1"));
        assert!(error("put@1=explode").contains("`explode`"));
        assert!(error("get@1=expire").contains("session"));
    }

    #[test]
    fn several_faults_count_on_their_own() {
        let mut plan = FaultPlan::default();
        plan.add([fault("put@2=drop"), fault("any@2x2=503")]);
        assert_eq!(plan.strike(&[Where::Put]), None);
        assert_eq!(plan.strike(&[Where::Put]), Some(What::Drop));
        assert_eq!(plan.strike(&[]), Some(What::Status(503, None)));
        assert_eq!(plan.strike(&[Where::Put]), None);
        assert_eq!(plan.pending().count(), 0);
    }

    fn any_fault() -> impl Strategy<Value = Fault> {
        let what = prop_oneof![
            (200u16..600, proptest::option::of(0u32..9999))
                .prop_map(|(code, after)| What::Status(code, after.map(|a| a.to_string()))),
            Just(What::Drop),
            Just(What::Lost),
            any::<u64>().prop_map(What::Reset),
            (0u64..1_000_000).prop_map(|ms| What::Stall(Duration::from_millis(ms))),
            Just(What::Html),
            Just(What::Page),
            Just(What::Empty),
            Just(What::Other),
            (200u16..600).prop_map(|code| What::Done(code, None)),
            (0u64..100_000, proptest::option::of(200u16..600))
                .prop_map(|(ms, code)| What::Late(Duration::from_millis(ms), code)),
            proptest::option::of(any::<u64>()).prop_map(What::Cut),
            proptest::option::of(any::<u64>()).prop_map(What::Short),
        ];
        (0usize..WHERE.len(), 1u64..1000, 1u64..1000, what).prop_map(|(place, nth, count, what)| {
            Fault {
                place: WHERE[place].1,
                nth: NonZeroU64::new(nth).expect("not zero"),
                count: NonZeroU64::new(count).expect("not zero"),
                what,
            }
        })
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(fault in any_fault()) {
            prop_assert_eq!(fault.to_string().parse::<Fault>(), Ok(fault));
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,40}") {
            let _ = text.parse::<Fault>();
        }

        #[test]
        fn strikes_exactly_count_requests_from_the_nth(
            nth in 1u64..20, count in 1u64..20, requests in 0u64..60,
        ) {
            let mut plan = FaultPlan::default();
            plan.add([fault(&format!("put@{nth}x{count}=drop"))]);
            for number in 1..=requests {
                prop_assert_eq!(plan.strike(&[Where::Get]), None);
                let struck = plan.strike(&[Where::Put]).is_some();
                prop_assert_eq!(struck, number >= nth && number < nth + count);
            }
        }
    }
}
