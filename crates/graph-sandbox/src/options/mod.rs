//! What the stand-in can be told to do differently, each with its default.
//!
//! Plain data: nothing here acts. Where nobody outside knows what the service does, the field says
//! "assumed" and the other plausible answers are values of the same option.

mod choices;

use std::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

pub use choices::{
    Audience, Casing, Choice, ContentStore, EarlyValue, Expired, Gzip, LocationForm,
    OtherMailboxes, Ranges, RefusedBytes, Renaming, RepeatLast, ReplyProperties, ReportedSize,
    Service, StatusAnswer, TooLarge, UnknownWord, UploadAuth, UrlForm, WrongRange,
};

use crate::{faults::Fault, random::Delay};

/// How the stand-in behaves. `Options::default()` is the service on a good day.
#[derive(Debug, Clone)]
pub struct Options {
    /// Address that both hosts listen on. Anything but loopback can be reached by others.
    pub host: IpAddr,
    /// TCP port of the Graph host; 0 takes a free one.
    pub port: u16,
    /// TCP port of the upload host; 0 takes a free one.
    pub upload_port: u16,
    /// The bearer token; none for one that looks like the service's.
    pub token: Option<String>,
    /// How long that token lives, and those of the token endpoint.
    pub token_ttl: Duration,
    /// The permissions of that token, separated by blanks; none for all that are needed here.
    pub scopes: Option<String>,
    /// Makes ids, tokens, delays and chance the same every time.
    pub seed: Option<u64>,
    /// Host names, besides those of loopback, to which control requests answer.
    pub allow_hosts: Vec<String>,
    /// Serve both hosts over https, with a certificate made at start.
    pub tls: bool,
    /// What goes wrong, and when.
    pub faults: Vec<Fault>,
    /// How often a request is struck by a fault that is drawn, from 0 to 1.
    pub fault_rate: f64,
    /// Wait before every answer.
    pub latency: Duration,
    /// Bytes a second in each direction, for each request; none for as fast as it goes.
    pub bandwidth: Option<u64>,
    /// How long no byte may move before a connection is closed.
    pub idle_timeout: Duration,
    /// Whether answers in JSON are compressed.
    pub gzip: Gzip,
    /// Where the content of attachments is kept.
    pub content: ContentStore,
    /// What happens to `Authorization` on the upload host.
    pub upload_auth: UploadAuth,
    /// Largest range that is taken, in bytes; none for any. The documentation asks for under 4 MB,
    /// and more has not been seen refused.
    pub max_range: Option<u64>,
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
    /// How long after it was attached an attachment is missing from lists, and after it was removed
    /// still in them. By its id it is found at once.
    pub list_lag: Delay,
    /// How long a new, moved or sent message or event is missing from lists of items.
    pub message_lag: Delay,
    /// How long after the answer to it an attaching request takes effect.
    pub late_commit: Delay,
    /// How long after it was attached an attachment cannot be read back.
    pub value_lag: Delay,
    /// The answer to reading back during that time.
    pub early_value: EarlyValue,
    /// What becomes of the names of attachments.
    pub rename: Renaming,
    /// Whether `createReply` and the like take extended properties in their `message`.
    pub reply_properties: ReplyProperties,
    /// Upload volume of one mailbox within [`Options::throttle_window`], in bytes; none for no
    /// limit. Documented: 150 MB in 5 minutes.
    pub throttle_bytes: Option<u64>,
    /// The window for [`Options::throttle_bytes`].
    pub throttle_window: Duration,
    /// Whether bytes of refused requests count.
    pub refused_bytes: RefusedBytes,
    /// Requests of one mailbox within ten minutes; none for no limit. Documented: 10,000.
    pub requests: Option<u32>,
    /// Messages sent by one mailbox within a minute; none for no limit. Documented: 30, for SMTP.
    pub send_rate: Option<u32>,
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
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 0,
            upload_port: 0,
            token: None,
            token_ttl: Duration::from_secs(24 * 60 * 60),
            scopes: None,
            seed: None,
            allow_hosts: Vec::new(),
            tls: false,
            faults: Vec::new(),
            fault_rate: 0.0,
            latency: Duration::ZERO,
            bandwidth: None,
            idle_timeout: Duration::from_secs(120),
            gzip: Gzip::default(),
            content: ContentStore::default(),
            upload_auth: UploadAuth::default(),
            max_range: None,
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
            list_lag: Delay::default(),
            message_lag: Delay::default(),
            late_commit: Delay::default(),
            value_lag: Delay::default(),
            early_value: EarlyValue::default(),
            rename: Renaming::default(),
            reply_properties: ReplyProperties::default(),
            throttle_bytes: None,
            refused_bytes: RefusedBytes::default(),
            requests: Some(10_000),
            send_rate: None,
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
