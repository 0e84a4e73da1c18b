//! The options of the command line, and how they become the stand-in's. Nothing here acts.

use std::{ffi::OsString, time::Duration};

use clap::{
    Args,
    builder::{PossibleValuesParser, TypedValueParser},
};

use crate::{
    Fault, Options,
    options::{
        Audience, Casing, Choice, Expired, LocationForm, OtherMailboxes, Ranges, RepeatLast,
        ReportedSize, Service, StatusAnswer, TooLarge, UnknownWord, UrlForm, WrongRange,
    },
};

/// The options of the stand-in.
#[derive(Debug, Args)]
pub struct SandboxArgs {
    /// Port of the Graph host [default: any free one]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub port: u16,

    /// Serve https, with a certificate made at start and named by SSL_CERT_FILE
    #[arg(long)]
    pub tls: bool,

    /// What goes wrong, and when: WHERE@N[xCOUNT]=WHAT[:ARG], such as put@3=reset:1000000
    ///
    /// WHERE is create, put, post, status, delete, list, get, send or any; its requests are counted
    /// from 1. WHAT is an HTTP status (ARG: Retry-After), drop, lost, reset:BYTES, stall:SECS, expire
    /// or html. Can be given several times.
    #[arg(long = "fault", value_name = "SPEC")]
    pub faults: Vec<Fault>,

    /// Wait before every answer, in milliseconds
    #[arg(long, value_name = "MS", default_value = "0", value_parser = milliseconds)]
    pub latency: Duration,

    /// Bytes a second in each direction, such as 2MB [default: as fast as it goes]
    #[arg(long, value_name = "RATE", value_parser = rate)]
    pub bandwidth: Option<u64>,

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

    /// Upload volume of a mailbox within the window [default: no limit; documented: 150MB]
    #[arg(long, value_name = "BYTES", value_parser = size, hide_short_help = true)]
    pub throttle_bytes: Option<u64>,

    /// The window of --throttle-bytes, in seconds
    #[arg(
        long, value_name = "SECS", value_parser = seconds, default_value = "300",
        hide_short_help = true
    )]
    pub throttle_window: Duration,

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
            port: self.port,
            tls: self.tls,
            faults: self.faults.clone(),
            latency: self.latency,
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
            throttle_bytes: self.throttle_bytes,
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
mod tests {
    use clap::{CommandFactory, Parser};
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        args: SandboxArgs,
    }

    fn parse(words: &[&str]) -> Result<SandboxArgs, clap::Error> {
        Cli::try_parse_from(["sandbox"].iter().chain(words)).map(|cli| cli.args)
    }

    #[test]
    fn without_options_it_is_the_stand_in_by_default() {
        Cli::command().debug_assert();
        let options = parse(&[]).expect("no options are fine").options();
        assert_eq!(format!("{options:?}"), format!("{:?}", Options::default()));
    }

    #[test]
    fn every_option_reaches_the_stand_in() {
        let args = parse(&[
            "--port",
            "8080",
            "--tls",
            "--fault",
            "put@1=drop",
            "--fault",
            "any@2=503:1",
            "--latency",
            "20",
            "--bandwidth",
            "2MB/s",
            "--casing",
            "doc",
            "--ranges",
            "open",
            "--status",
            "405",
            "--wrong-range",
            "409",
            "--session-min",
            "2MiB",
            "--session-ttl",
            "0.5",
            "--expired",
            "401",
            "--repeat-last",
            "attach",
            "--attachment-limit",
            "10MB",
            "--message-limit",
            "35M",
            "--max-attachments",
            "3",
            "--body-limit",
            "1KB",
            "--too-large",
            "reset",
            "--upload-url",
            "v2",
            "--location",
            "path",
            "--settle",
            "9",
            "--throttle-bytes",
            "150MB",
            "--throttle-window",
            "60",
            "--concurrency",
            "0",
            "--retry-after",
            "none",
            "--audience-incident",
            "--audience",
            "empty",
            "--service",
            "us-gov",
            "--other-mailboxes",
            "deny",
            "--reported-size",
            "exact",
            "--",
            "env",
            "-i",
        ])
        .expect("all are known");
        let expected = Options {
            port: 8080,
            tls: true,
            faults: vec![
                "put@1=drop".parse().expect("one"),
                "any@2=503:1".parse().expect("one"),
            ],
            latency: Duration::from_millis(20),
            bandwidth: Some(2_000_000),
            casing: Some(Casing::Doc),
            ranges: Ranges::Open,
            status: StatusAnswer::NotAllowed,
            wrong_range: WrongRange::Conflict,
            session_min: 2_097_152,
            session_ttl: Duration::from_millis(500),
            expired: Expired::Unauthorized,
            repeat_last: RepeatLast::Attach,
            attachment_limit: 10_000_000,
            message_limit: Some(36_700_160),
            max_attachments: 3,
            body_limit: 1000,
            too_large: TooLarge::Reset,
            upload_url: UrlForm::V2,
            location: LocationForm::Path,
            settle: Duration::from_millis(9),
            throttle_bytes: Some(150_000_000),
            throttle_window: Duration::from_secs(60),
            concurrency: None,
            retry_after: None,
            audience_incident: true,
            audience: Audience::Empty,
            service: Service::UsGov,
            other_mailboxes: OtherMailboxes::Deny,
            reported_size: ReportedSize::Exact,
        };
        assert_eq!(format!("{:?}", args.options()), format!("{expected:?}"));
        assert_eq!(args.command, ["env", "-i"]);
    }

    #[test]
    fn the_manual_has_every_option_with_its_values_and_its_default() {
        let manual = include_str!("../../../docs/sandbox.md");
        for option in Cli::command()
            .get_arguments()
            .filter(|option| option.get_long().is_some())
        {
            let name = option.get_long().unwrap_or_default();
            let row = manual
                .lines()
                .find(|line| {
                    line.starts_with(&format!("| `--{name} "))
                        || line.starts_with(&format!("| `--{name}`"))
                })
                .unwrap_or_else(|| panic!("no row for --{name}"));
            let words: Vec<_> = option
                .get_possible_values()
                .iter()
                .map(|v| v.get_name().to_owned())
                .collect();
            if option.get_action().takes_values() && !words.is_empty() {
                let words = words.join("\\|");
                assert!(
                    row.contains(&words),
                    "--{name} has not the values {words}: {row}"
                );
            }
            for default in option
                .get_default_values()
                .iter()
                .filter_map(|value| value.to_str())
            {
                let cell = row
                    .replace("\\|", "")
                    .split('|')
                    .nth(2)
                    .unwrap_or_default()
                    .to_owned();
                let shown = cell.trim().trim_matches('`');
                assert!(
                    shown == default || name == "port",
                    "--{name} is {default} by default: {row}"
                );
            }
        }
    }

    #[test]
    fn wrong_values_are_usage_errors_that_say_why() {
        for (words, why) in [
            (["--fault", "putt@1=drop"], "`putt`"),
            (["--fault", "put@0=drop"], "counted from 1"),
            (["--casing", "snake"], "camel"),
            (["--status", "418"], "405"),
            (["--bandwidth", "0"], "at least one byte"),
            (["--session-min", "3GB"], "KiB"),
            (["--session-ttl", "soon"], "number of seconds"),
            (["--retry-after", "soon"], "none"),
            (["--latency", "1.5"], "milliseconds"),
        ] {
            let error = parse(&words).expect_err("a usage error");
            assert_eq!(error.exit_code(), 2);
            assert!(error.to_string().contains(why), "{words:?}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_a_parser_panic(text in "\\PC{0,20}") {
            let _ = (size(&text), rate(&text), seconds(&text), milliseconds(&text));
            let _ = retry_after(&text);
        }
    }
}
