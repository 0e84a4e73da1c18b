//! The options of the command line, and how they become the stand-in's. Nothing here acts.

use std::{ffi::OsString, net::IpAddr, path::PathBuf, time::Duration};

use clap::{
    Args,
    builder::{PossibleValuesParser, TypedValueParser},
};

use crate::random::Delay;
use crate::{
    Fault, Options,
    options::{
        Audience, Casing, Choice, ContentStore, EarlyValue, Expired, Gzip, LocationForm,
        OtherMailboxes, Ranges, RefusedBytes, Renaming, RepeatLast, ReplyProperties, ReportedSize,
        Service, StatusAnswer, TooLarge, UnknownWord, UploadAuth, UrlForm, WrongRange,
    },
};

/// The options of the stand-in.
#[derive(Debug, Args)]
pub struct SandboxArgs {
    /// Port of the Graph host [default: any free one]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub port: u16,

    /// Port of the upload host [default: any free one]
    #[arg(
        long,
        value_name = "N",
        default_value_t = 0,
        hide_default_value = true,
        hide_short_help = true
    )]
    pub upload_port: u16,

    /// Address to listen on; others than loopback can be reached by others
    #[arg(
        long,
        value_name = "ADDR",
        default_value = "127.0.0.1",
        hide_short_help = true
    )]
    pub host: IpAddr,

    /// Host name, besides those of loopback, to which control requests answer
    #[arg(long, value_name = "NAME", hide_short_help = true)]
    pub allow_host: Vec<String>,

    /// Write the variables into a file once both hosts listen; it is removed at the end
    #[arg(long, value_name = "FILE")]
    pub env_file: Option<PathBuf>,

    /// The bearer token [default: one that looks like the service's]
    #[arg(long, value_name = "T", value_parser = token, hide_short_help = true)]
    pub token: Option<String>,

    /// How long tokens live, in seconds (assumed: about an hour, in life)
    #[arg(long, value_name = "SECS", value_parser = seconds, default_value = "86400", hide_short_help = true)]
    pub token_ttl: Duration,

    /// Permissions of the token, separated by blanks [default: all that are needed here]
    #[arg(long, value_name = "SCOPES", hide_short_help = true)]
    pub scopes: Option<String>,

    /// Make ids, tokens, delays and chance the same every time
    #[arg(long, value_name = "N", hide_short_help = true)]
    pub seed: Option<u64>,

    /// Serve https, with a certificate made at start and named by SSL_CERT_FILE
    #[arg(long)]
    pub tls: bool,

    /// What goes wrong, and when: WHERE@N[xCOUNT]=WHAT[:ARG], such as put@3=reset:1000000
    ///
    /// WHERE is create, put, post, status, delete, list, value, find, get, draft, patch, send, token or
    /// any; its requests are counted from 1. WHAT is an HTTP status (ARG: Retry-After), drop, lost,
    /// reset:BYTES, stall:SECS, expire, html, page, done:STATUS, late:SECS[:STATUS], cut[:BYTES],
    /// short[:BYTES], empty or other. Can be given several times.
    #[arg(long = "fault", value_name = "SPEC")]
    pub faults: Vec<Fault>,

    /// How often a request is struck by a fault that is drawn, from 0 to 1
    #[arg(long, value_name = "RATE", value_parser = share, default_value = "0", hide_short_help = true)]
    pub fault_rate: f64,

    /// Wait before every answer, in milliseconds
    #[arg(long, value_name = "MS", default_value = "0", value_parser = milliseconds)]
    pub latency: Duration,

    /// Bytes a second in each direction, such as 2MB [default: as fast as it goes]
    #[arg(long, value_name = "RATE", value_parser = rate)]
    pub bandwidth: Option<u64>,

    /// How long no byte may move before a connection is closed, in seconds
    #[arg(long, value_name = "SECS", value_parser = seconds, default_value = "120", hide_short_help = true)]
    pub idle_timeout: Duration,

    /// Compress answers in JSON: never, for clients that take it, or always
    #[arg(long, value_name = "WHEN", value_parser = choice::<Gzip>(), default_value_t, hide_short_help = true)]
    pub gzip: Gzip,

    /// Where the content of attachments is kept; of `hash` only size and SHA-256
    #[arg(long, value_name = "WHERE", value_parser = choice::<ContentStore>(), default_value_t, hide_short_help = true)]
    pub content: ContentStore,

    /// What the upload host makes of an Authorization header
    #[arg(long, value_name = "WHAT", value_parser = choice::<UploadAuth>(), default_value_t, hide_short_help = true)]
    pub upload_auth: UploadAuth,

    /// Largest range that is taken [default: any; documented: less than 4 MB]
    #[arg(long, value_name = "BYTES", value_parser = size, hide_short_help = true)]
    pub max_range: Option<u64>,

    /// Letter case of the keys in answers to ranges [default: camel; pascal for china]
    #[arg(long, value_name = "CASING", value_parser = choice::<Casing>(), hide_short_help = true)]
    pub casing: Option<Casing>,

    /// How answers to ranges write the next one: "N", "N-", "N-M", [] or not at all
    #[arg(
        long, value_name = "FORM", value_parser = choice::<Ranges>(), default_value_t,
        hide_short_help = true
    )]
    pub ranges: Ranges,

    /// Answer to GET on an upload URL (assumed)
    #[arg(
        long, value_name = "STATUS", value_parser = choice::<StatusAnswer>(), default_value_t,
        hide_short_help = true
    )]
    pub status: StatusAnswer,

    /// Answer to a range that begins elsewhere (assumed)
    #[arg(
        long, value_name = "STATUS", value_parser = choice::<WrongRange>(), default_value_t,
        hide_short_help = true
    )]
    pub wrong_range: WrongRange,

    /// Smallest file that gets an upload session (documented: 3 MB; measured in 2020: 2097152)
    #[arg(
        long, value_name = "BYTES", value_parser = size, default_value = "3000000",
        hide_short_help = true
    )]
    pub session_min: u64,

    /// How long a session lives, in seconds (assumed)
    #[arg(
        long, value_name = "SECS", value_parser = seconds, default_value = "7200",
        hide_short_help = true
    )]
    pub session_ttl: Duration,

    /// Answer of the upload host once a session's time is over (assumed)
    #[arg(
        long, value_name = "STATUS", value_parser = choice::<Expired>(), default_value_t,
        hide_short_help = true
    )]
    pub expired: Expired,

    /// What becomes of the last range when it comes again (assumed)
    #[arg(
        long, value_name = "WHAT", value_parser = choice::<RepeatLast>(), default_value_t,
        hide_short_help = true
    )]
    pub repeat_last: RepeatLast,

    /// Largest file that gets an upload session (documented: 150 MB)
    #[arg(
        long, value_name = "BYTES", value_parser = size, default_value = "157286400",
        hide_short_help = true
    )]
    pub attachment_limit: u64,

    /// Largest sum of an item's attachments [default: none; a new tenant has 35MiB]
    #[arg(long, value_name = "BYTES", value_parser = size, hide_short_help = true)]
    pub message_limit: Option<u64>,

    /// Most attachments of one item
    #[arg(long, value_name = "N", default_value_t = 250, hide_short_help = true)]
    pub max_attachments: usize,

    /// Largest request body on the Graph host (measured: 4 MiB)
    #[arg(
        long, value_name = "BYTES", value_parser = size, default_value = "4194304",
        hide_short_help = true
    )]
    pub body_limit: u64,

    /// Answer to a larger body
    #[arg(
        long, value_name = "ANSWER", value_parser = choice::<TooLarge>(), default_value_t,
        hide_short_help = true
    )]
    pub too_large: TooLarge,

    /// Form of the upload URL
    #[arg(
        long, value_name = "FORM", value_parser = choice::<UrlForm>(), default_value_t,
        hide_short_help = true
    )]
    pub upload_url: UrlForm,

    /// Form of Location when a session is finished
    #[arg(
        long, value_name = "FORM", value_parser = choice::<LocationForm>(), default_value_t,
        hide_short_help = true
    )]
    pub location: LocationForm,

    /// How long a new item answers 404 wherever attachments are concerned, in milliseconds
    #[arg(
        long, value_name = "MS", default_value = "0", value_parser = milliseconds,
        hide_short_help = true
    )]
    pub settle: Duration,

    /// How long lists do not know of a new attachment, and still know of a removed one: MS or MS-MS (assumed)
    #[arg(long, value_name = "MS", default_value_t, hide_short_help = true)]
    pub list_lag: Delay,

    /// How long lists of messages and events do not know of a new, moved or sent one: MS or MS-MS (assumed)
    #[arg(long, value_name = "MS", default_value_t, hide_short_help = true)]
    pub message_lag: Delay,

    /// How long after its answer an attaching request takes effect: MS or MS-MS (assumed)
    #[arg(long, value_name = "MS", default_value_t, hide_short_help = true)]
    pub late_commit: Delay,

    /// How long a new attachment cannot be read back: MS or MS-MS (assumed)
    #[arg(long, value_name = "MS", default_value_t, hide_short_help = true)]
    pub value_lag: Delay,

    /// Answer to reading back during that time
    #[arg(long, value_name = "ANSWER", value_parser = choice::<EarlyValue>(), default_value_t, hide_short_help = true)]
    pub early_value: EarlyValue,

    /// What becomes of the names of attachments (assumed)
    #[arg(long, value_name = "HOW", value_parser = choice::<Renaming>(), default_value_t, hide_short_help = true)]
    pub rename: Renaming,

    /// Extended properties in the message of createReply and the like (assumed)
    #[arg(long, value_name = "WHAT", value_parser = choice::<ReplyProperties>(), default_value_t, hide_short_help = true)]
    pub reply_properties: ReplyProperties,

    /// Upload volume of a mailbox within the window [default: no limit; documented: 150MB]
    #[arg(long, value_name = "BYTES", value_parser = size, hide_short_help = true)]
    pub throttle_bytes: Option<u64>,

    /// The window of --throttle-bytes, in seconds
    #[arg(
        long, value_name = "SECS", value_parser = seconds, default_value = "300",
        hide_short_help = true
    )]
    pub throttle_window: Duration,

    /// Whether the bytes of refused requests count in that window
    #[arg(long, value_name = "WHETHER", value_parser = choice::<RefusedBytes>(), default_value_t, hide_short_help = true)]
    pub refused_bytes: RefusedBytes,

    /// Requests of a mailbox within ten minutes; 0 for no limit
    #[arg(
        long,
        value_name = "N",
        default_value_t = 10_000,
        hide_short_help = true
    )]
    pub requests: u32,

    /// Messages that a mailbox sends within a minute [default: no limit; documented: 30, for SMTP]
    #[arg(long, value_name = "N", hide_short_help = true)]
    pub send_rate: Option<u32>,

    /// Requests of a mailbox at a time; 0 for no limit
    #[arg(long, value_name = "N", default_value_t = 4, hide_short_help = true)]
    pub concurrency: u32,

    /// Retry-After when a limit is hit, in seconds; `none` leaves it out
    #[arg(
        long, value_name = "SECS", default_value = "1", value_parser = retry_after,
        hide_short_help = true
    )]
    pub retry_after: RetryAfter,

    /// Answer every PUT with 401, as for days in December 2023
    #[arg(long, hide_short_help = true)]
    pub audience_incident: bool,

    /// Form of the upload host's 401
    #[arg(
        long, value_name = "FORM", value_parser = choice::<Audience>(), default_value_t,
        hide_short_help = true
    )]
    pub audience: Audience,

    /// Which cloud to play
    #[arg(
        long, value_name = "CLOUD", value_parser = choice::<Service>(), default_value_t,
        hide_short_help = true
    )]
    pub service: Service,

    /// What is allowed in mailboxes other than one's own
    #[arg(
        long, value_name = "WHAT", value_parser = choice::<OtherMailboxes>(), default_value_t,
        hide_short_help = true
    )]
    pub other_mailboxes: OtherMailboxes,

    /// Size that is reported for attachments
    #[arg(
        long, value_name = "HOW", value_parser = choice::<ReportedSize>(), default_value_t,
        hide_short_help = true
    )]
    pub reported_size: ReportedSize,

    /// A command to run against it
    #[arg(last = true, value_name = "CMD")]
    pub command: Vec<OsString>,
}

/// `--retry-after`: seconds, or no such header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryAfter(pub Option<u64>);

impl SandboxArgs {
    /// The stand-in that these options describe.
    pub fn options(&self) -> Options {
        Options {
            host: self.host,
            port: self.port,
            upload_port: self.upload_port,
            allow_hosts: self.allow_host.clone(),
            token: self.token.clone(),
            token_ttl: self.token_ttl,
            scopes: self.scopes.clone(),
            seed: self.seed,
            tls: self.tls,
            faults: self.faults.clone(),
            fault_rate: self.fault_rate,
            latency: self.latency,
            idle_timeout: self.idle_timeout,
            gzip: self.gzip,
            content: self.content,
            upload_auth: self.upload_auth,
            max_range: self.max_range,
            bandwidth: self.bandwidth,
            casing: self.casing,
            ranges: self.ranges,
            status: self.status,
            wrong_range: self.wrong_range,
            session_min: self.session_min,
            session_ttl: self.session_ttl,
            expired: self.expired,
            repeat_last: self.repeat_last,
            attachment_limit: self.attachment_limit,
            message_limit: self.message_limit,
            max_attachments: self.max_attachments,
            body_limit: self.body_limit,
            too_large: self.too_large,
            upload_url: self.upload_url,
            location: self.location,
            settle: self.settle,
            list_lag: self.list_lag,
            message_lag: self.message_lag,
            late_commit: self.late_commit,
            value_lag: self.value_lag,
            early_value: self.early_value,
            rename: self.rename,
            reply_properties: self.reply_properties,
            throttle_bytes: self.throttle_bytes,
            refused_bytes: self.refused_bytes,
            requests: Some(self.requests).filter(|most| *most > 0),
            send_rate: self.send_rate,
            throttle_window: self.throttle_window,
            concurrency: Some(self.concurrency).filter(|most| *most > 0),
            retry_after: self.retry_after.0,
            audience_incident: self.audience_incident,
            audience: self.audience,
            service: self.service,
            other_mailboxes: self.other_mailboxes,
            reported_size: self.reported_size,
        }
    }
}

/// A parser for one of a few words, which help and completions then list.
fn choice<T: Choice>() -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(T::WORDS).try_map(|word| T::from_word(&word).ok_or(UnknownWord))
}

fn milliseconds(text: &str) -> Result<Duration, String> {
    text.parse()
        .map(Duration::from_millis)
        .map_err(|_| "give a whole number of milliseconds".to_owned())
}

fn seconds(text: &str) -> Result<Duration, String> {
    text.parse::<f64>()
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| "give a number of seconds".to_owned())
}

fn retry_after(text: &str) -> Result<RetryAfter, String> {
    match text {
        "none" => Ok(RetryAfter(None)),
        _ => text
            .parse()
            .map(|seconds| RetryAfter(Some(seconds)))
            .map_err(|_| "give a whole number of seconds, or `none`".to_owned()),
    }
}

/// What can stand in an `Authorization` header.
fn token(text: &str) -> Result<String, String> {
    match !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic()) {
        true => Ok(text.to_owned()),
        false => Err("a token has visible ASCII letters only, and no blanks".to_owned()),
    }
}

/// A probability.
fn share(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or_else(|| "give a number from 0 to 1".to_owned())
}

/// A number of bytes: `3932160`, `3840KiB`, `4MB`, `4M` (as MiB).
fn size(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1_000,
        "k" | "kib" => 1_024,
        "mb" => 1_000_000,
        "m" | "mib" => 1_048_576,
        _ => {
            return Err(format!(
                "`{unit}` is not a valid unit: use B, KB, KiB, MB or MiB"
            ));
        }
    };
    number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(factor))
        .ok_or_else(|| "a size looks like 3000000 or 4MiB".to_owned())
}

/// Bytes a second, with or without `/s`; none at all would be no rate.
fn rate(text: &str) -> Result<u64, String> {
    match size(text.trim().trim_end_matches("/s"))? {
        0 => Err("a rate is at least one byte a second".to_owned()),
        rate => Ok(rate),
    }
}

#[cfg(test)]
mod tests;
