//! What the stand-in can be told to do differently, each with its default.
//!
//! Plain data: nothing here acts. Where nobody outside knows what the service does, the field says
//! "assumed" and the other plausible answers are values of the same option.

use std::{fmt, str::FromStr, time::Duration};

use crate::faults::Fault;

/// An option that is one of a few words.
pub trait Choice: Copy + Send + Sync + 'static {
    /// Every word, in the order in which help lists them.
    const WORDS: &'static [&'static str];

    /// The value that `word` names, in any letter case.
    fn from_word(word: &str) -> Option<Self>;

    /// The word for this value.
    fn word(self) -> &'static str;
}

/// The text is none of the words of a [`Choice`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not one of the words for this option")]
pub struct UnknownWord;

macro_rules! choice {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub enum $name { $($(#[$doc])* $variant,)+ }

        impl Choice for $name {
            const WORDS: &'static [&'static str] = &[$($word),+];

            fn from_word(word: &str) -> Option<Self> {
                $(if word.eq_ignore_ascii_case($word) { return Some(Self::$variant); })+
                None
            }

            fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                Self::from_word(text).ok_or(UnknownWord)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.word())
            }
        }
    };
}

choice! {
    /// Letter case of the keys in the answer to a range. Seen: all three.
    Casing {
        /// `nextExpectedRanges`, `expirationDateTime`: what the global service sends.
        #[default]
        Camel = "camel",
        /// `NextExpectedRanges`, `ExpirationDateTime`: what the cloud in China sends.
        Pascal = "pascal",
        /// `nextExpectedRanges` beside `ExpirationDateTime`: what the reference page prints.
        Doc = "doc",
    }
}

choice! {
    /// How the next range is written in the answer to a range.
    Ranges {
        /// `["2097152"]`, as documented for Outlook.
        #[default]
        Start = "start",
        /// `["2097152-"]`.
        Open = "open",
        /// `["2097152-3483321"]`.
        Closed = "closed",
        /// `[]`.
        Empty = "empty",
        /// No such key.
        Missing = "missing",
    }
}

choice! {
    /// The answer to GET on an upload URL. Undocumented for Outlook, so assumed.
    StatusAnswer {
        /// 200 with the next range.
        #[default]
        Known = "200",
        /// 401 about the audience of the token.
        Unauthorized = "401",
        /// 404 `ErrorItemNotFound`.
        NotFound = "404",
        /// 405.
        NotAllowed = "405",
    }
}

choice! {
    /// The answer to a range that does not begin where the session stands. Assumed.
    WrongRange {
        /// 416 `invalidRange`, as OneDrive answers.
        #[default]
        NotSatisfiable = "416",
        /// 400 `ErrorInvalidParameter`.
        BadRequest = "400",
        /// 409 `ErrorIrresolvableConflict`.
        Conflict = "409",
    }
}

choice! {
    /// What the upload host says once a session's time is over. Assumed.
    Expired {
        /// 404 `ErrorItemNotFound`: the session is gone.
        #[default]
        NotFound = "404",
        /// 401: the token in the URL is too old.
        Unauthorized = "401",
    }
}

choice! {
    /// What happens when the last range of a finished session comes again. Assumed.
    RepeatLast {
        /// 404: the session is gone.
        #[default]
        Refuse = "refuse",
        /// 201, and the file is attached a second time.
        Attach = "attach",
    }
}

choice! {
    /// The form of the upload URL. All three have been seen.
    UrlForm {
        /// `/api/gv1.0/users('…')/messages('…')/AttachmentSessions('…')`.
        #[default]
        Gv1 = "gv1",
        /// `/api/v2.0/Users('…')/Messages('…')/AttachmentSessions('…')`, as documented.
        V2 = "v2",
        /// The form of `gv1` on a second host name, as `outlook.office365.com` is one.
        Office365 = "office365",
    }
}

choice! {
    /// How the `Location` of a finished session names the attachment.
    LocationForm {
        /// `…/Attachments('ID')`, as documented.
        #[default]
        Quoted = "quoted",
        /// `…/attachments/ID`.
        Path = "path",
        /// No `Location` at all.
        Missing = "missing",
    }
}

choice! {
    /// The answer of the Graph host to a body over [`Options::body_limit`]. All have been seen.
    TooLarge {
        /// 413 with no body.
        #[default]
        Empty = "413",
        /// 400 "The maximum request length supported is 4MB."
        Text = "400",
        /// 500 with no body.
        Server = "500",
        /// The connection is reset.
        Reset = "reset",
    }
}

choice! {
    /// The 401 of the upload host. All three have been seen.
    Audience {
        /// `InvalidAudienceForResource`.
        #[default]
        Resource = "resource",
        /// `InvalidAudience`, as in early 2022.
        Claim = "claim",
        /// No body; the reason stands in `x-ms-diagnostics`.
        Empty = "empty",
    }
}

choice! {
    /// Which cloud is played.
    Service {
        /// The global service.
        #[default]
        Public = "public",
        /// US Government: `createUploadSession` does not exist there.
        UsGov = "us-gov",
        /// China: the answers to ranges are in PascalCase unless `casing` says otherwise.
        China = "china",
    }
}

choice! {
    /// What a caller may do in mailboxes other than its own.
    OtherMailboxes {
        /// Everything, as with an application permission.
        #[default]
        Allow = "allow",
        /// Everything except upload sessions: the known issue of shared mailboxes.
        NoSessions = "no-sessions",
        /// Nothing: 403 `ErrorAccessDenied`.
        Deny = "deny",
    }
}

choice! {
    /// The `size` that the service reports for an attachment.
    ReportedSize {
        /// Larger than the file (about 4.5 % and 237 bytes), as measured.
        #[default]
        Inflated = "inflated",
        /// The size of the file.
        Exact = "exact",
    }
}

/// How the stand-in behaves. `Options::default()` is the service on a good day.
#[derive(Debug, Clone)]
pub struct Options {
    /// TCP port of the Graph host; 0 takes a free one. The upload host always takes a free one.
    pub port: u16,
    /// Serve both hosts over https, with a certificate made at start.
    pub tls: bool,
    /// What goes wrong, and when.
    pub faults: Vec<Fault>,
    /// Wait before every answer.
    pub latency: Duration,
    /// Bytes a second in each direction, for each request; none for as fast as it goes.
    pub bandwidth: Option<u64>,
    /// Letter case of the answers to ranges; none for what the played cloud sends.
    pub casing: Option<Casing>,
    /// How the answers to ranges write the next one.
    pub ranges: Ranges,
    /// The answer to GET on an upload URL.
    pub status: StatusAnswer,
    /// The answer to a range that begins elsewhere.
    pub wrong_range: WrongRange,
    /// Smallest file, in bytes, for which a session is given. Documented: 3 MB. Measured in 2020:
    /// 2,097,152.
    pub session_min: u64,
    /// How long a session lives. Not documented; the reference page's sample lives over 102 minutes.
    pub session_ttl: Duration,
    /// The answer once it is over.
    pub expired: Expired,
    /// What becomes of a repeated last range.
    pub repeat_last: RepeatLast,
    /// Largest file, in bytes, for which a session is given. Documented: 150 MB.
    pub attachment_limit: u64,
    /// Largest sum of attachments of one item, in bytes; none for no limit. A tenant's default is
    /// 35 MB, an administrator may raise it to 150 MB.
    pub message_limit: Option<u64>,
    /// Most attachments of one item. Exchange Online: 250.
    pub max_attachments: usize,
    /// Largest request body on the Graph host, in bytes. Measured: 4 MiB.
    pub body_limit: u64,
    /// The answer to a larger one.
    pub too_large: TooLarge,
    /// The form of upload URLs.
    pub upload_url: UrlForm,
    /// The form of `Location` when a session is finished.
    pub location: LocationForm,
    /// How long a new draft or event is answered with 404 wherever attachments are concerned.
    pub settle: Duration,
    /// Upload volume of one mailbox within [`Options::throttle_window`], in bytes; none for no
    /// limit. Documented: 150 MB in 5 minutes.
    pub throttle_bytes: Option<u64>,
    /// The window for [`Options::throttle_bytes`].
    pub throttle_window: Duration,
    /// Requests of one mailbox at a time; none for no limit. Documented: 4.
    pub concurrency: Option<u32>,
    /// `Retry-After` in seconds on the 429s that the two limits above cause; none leaves it out.
    pub retry_after: Option<u64>,
    /// Every PUT is answered with 401, as for days in December 2023.
    pub audience_incident: bool,
    /// The form of the upload host's 401.
    pub audience: Audience,
    /// Which cloud is played.
    pub service: Service,
    /// What is allowed in other mailboxes.
    pub other_mailboxes: OtherMailboxes,
    /// Which size is reported for attachments.
    pub reported_size: ReportedSize,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            port: 0,
            tls: false,
            faults: Vec::new(),
            latency: Duration::ZERO,
            bandwidth: None,
            casing: None,
            ranges: Ranges::default(),
            status: StatusAnswer::default(),
            wrong_range: WrongRange::default(),
            session_min: 3_000_000,
            session_ttl: Duration::from_secs(2 * 60 * 60),
            expired: Expired::default(),
            repeat_last: RepeatLast::default(),
            // "150 MB" read generously: 150 MiB.
            attachment_limit: 150 * 1024 * 1024,
            message_limit: None,
            max_attachments: 250,
            body_limit: 4 * 1024 * 1024,
            too_large: TooLarge::default(),
            upload_url: UrlForm::default(),
            location: LocationForm::default(),
            settle: Duration::ZERO,
            throttle_bytes: None,
            throttle_window: Duration::from_secs(5 * 60),
            concurrency: Some(4),
            retry_after: Some(1),
            audience_incident: false,
            audience: Audience::default(),
            service: Service::default(),
            other_mailboxes: OtherMailboxes::default(),
            reported_size: ReportedSize::default(),
        }
    }
}

impl Options {
    /// The casing in force: what was asked for, else what the played cloud sends.
    pub fn effective_casing(&self) -> Casing {
        match (self.casing, self.service) {
            (Some(casing), _) => casing,
            (None, Service::China) => Casing::Pascal,
            (None, _) => Casing::Camel,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip<T: Choice + PartialEq + fmt::Debug>() {
        for word in T::WORDS {
            let value = T::from_word(word).expect("a listed word is known");
            assert_eq!(value.word(), *word);
            assert_eq!(T::from_word(&word.to_uppercase()), Some(value));
        }
        assert_eq!(T::from_word("something else"), None);
    }

    #[test]
    fn every_word_names_its_value() {
        round_trip::<Casing>();
        round_trip::<Ranges>();
        round_trip::<StatusAnswer>();
        round_trip::<WrongRange>();
        round_trip::<Expired>();
        round_trip::<RepeatLast>();
        round_trip::<UrlForm>();
        round_trip::<LocationForm>();
        round_trip::<TooLarge>();
        round_trip::<Audience>();
        round_trip::<Service>();
        round_trip::<OtherMailboxes>();
        round_trip::<ReportedSize>();
    }

    #[test]
    fn china_answers_in_pascal_case_unless_told_otherwise() {
        let mut options = Options {
            service: Service::China,
            ..Options::default()
        };
        assert_eq!(options.effective_casing(), Casing::Pascal);
        options.casing = Some(Casing::Camel);
        assert_eq!(options.effective_casing(), Casing::Camel);
    }
}
