//! The options that are one of a few words, each value with what it stands for.

use std::{fmt, str::FromStr};

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
    /// The answer of the Graph host to a body over `Options::body_limit`. All have been seen.
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
    /// The `size` that the service reports for an attachment. All but the first two are assumed.
    ReportedSize {
        /// Larger than the file (about 4.5 % and 237 bytes), as measured.
        #[default]
        Inflated = "inflated",
        /// The size of the file.
        Exact = "exact",
        /// Nothing.
        Zero = "zero",
        /// Less than the file: nine tenths of it.
        Smaller = "smaller",
        /// The size of the file in whole KiB, rounded to the nearest.
        Rounded = "rounded",
    }
}

choice! {
    /// What becomes of the name that an attachment was given. Assumed: no report says that it changes.
    Renaming {
        /// Nothing.
        #[default]
        None = "none",
        /// Composed Unicode (NFC).
        Nfc = "nfc",
        /// Decomposed Unicode (NFD).
        Nfd = "nfd",
        /// Without blanks and dots at both ends.
        Trim = "trim",
        /// With `_` for each of `\\ / : * ? " < > | # %` and for control characters.
        Replace = "replace",
        /// In lower case.
        Lower = "lower",
        /// In upper case.
        Upper = "upper",
        /// With `(1)` before the extension.
        Suffix = "suffix",
    }
}

choice! {
    /// The answer to `$value` within `Options::value_lag`. Assumed.
    EarlyValue {
        /// 404 `ErrorItemNotFound`.
        #[default]
        NotFound = "404",
        /// 200 with no bytes.
        Empty = "empty",
        /// 200 with the first half.
        Half = "half",
        /// 504, as the gateway answers large ones.
        Timeout = "504",
    }
}

choice! {
    /// Where content is kept.
    ContentStore {
        /// In one unlinked temporary file.
        #[default]
        File = "file",
        /// In memory.
        Memory = "memory",
        /// Nowhere, once an attachment is whole: only its size and its SHA-256.
        Hash = "hash",
    }
}

choice! {
    /// `Authorization` on the upload host.
    UploadAuth {
        /// Refused with 401, as documented and seen.
        #[default]
        Refuse = "refuse",
        /// The upload URL's own token is taken as a bearer, also without the one in the URL; any other is
        /// refused. Reported by users of two clients.
        Own = "own",
    }
}

choice! {
    /// Compression of answers in JSON.
    Gzip {
        /// Never.
        #[default]
        Off = "off",
        /// For clients that say that they take it, as the service does.
        Accepted = "accepted",
        /// Always, also unasked, as some gateways do.
        Always = "always",
    }
}

choice! {
    /// Extended properties in the `message` of `createReply`, `createReplyAll` and `createForward`. Assumed.
    ReplyProperties {
        /// Dropped without a word.
        #[default]
        Drop = "drop",
        /// Taken.
        Keep = "keep",
    }
}

choice! {
    /// Bytes of requests that are refused.
    RefusedBytes {
        /// They count in the volume window; documented is that throttled requests count.
        #[default]
        Count = "count",
        /// They do not count.
        Free = "free",
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
        round_trip::<Renaming>();
        round_trip::<EarlyValue>();
        round_trip::<ContentStore>();
        round_trip::<UploadAuth>();
        round_trip::<Gzip>();
        round_trip::<ReplyProperties>();
        round_trip::<RefusedBytes>();
    }
}
