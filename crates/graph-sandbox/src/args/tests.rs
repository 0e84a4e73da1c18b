//! Every option reaches the stand-in, and stands in the manual.

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
        "--upload-port",
        "8081",
        "--host",
        "127.0.0.2",
        "--allow-host",
        "sandbox",
        "--env-file",
        "sandbox.env",
        "--token",
        "t0k3n",
        "--token-ttl",
        "60",
        "--scopes",
        "Mail.Send",
        "--seed",
        "7",
        "--fault-rate",
        "0.25",
        "--idle-timeout",
        "5",
        "--gzip",
        "always",
        "--content",
        "hash",
        "--upload-auth",
        "own",
        "--max-range",
        "4MB",
        "--list-lag",
        "0-3000",
        "--message-lag",
        "50",
        "--late-commit",
        "4000",
        "--value-lag",
        "1-2",
        "--early-value",
        "half",
        "--rename",
        "nfc",
        "--reply-properties",
        "keep",
        "--refused-bytes",
        "free",
        "--requests",
        "0",
        "--send-rate",
        "30",
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
        host: "127.0.0.2".parse().expect("an address"),
        port: 8080,
        upload_port: 8081,
        allow_hosts: vec!["sandbox".to_owned()],
        token: Some("t0k3n".to_owned()),
        token_ttl: Duration::from_secs(60),
        scopes: Some("Mail.Send".to_owned()),
        seed: Some(7),
        fault_rate: 0.25,
        idle_timeout: Duration::from_secs(5),
        gzip: Gzip::Always,
        content: ContentStore::Hash,
        upload_auth: UploadAuth::Own,
        max_range: Some(4_000_000),
        list_lag: "0-3000".parse().expect("a delay"),
        message_lag: "50".parse().expect("a delay"),
        late_commit: "4000".parse().expect("a delay"),
        value_lag: "1-2".parse().expect("a delay"),
        early_value: EarlyValue::Half,
        rename: Renaming::Nfc,
        reply_properties: ReplyProperties::Keep,
        refused_bytes: RefusedBytes::Free,
        requests: None,
        send_rate: Some(30),
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
    assert_eq!(
        args.env_file.as_deref(),
        Some(std::path::Path::new("sandbox.env"))
    );
}

#[test]
fn the_manual_has_every_option_with_its_values_and_its_default() {
    let manual = include_str!("../../../../docs/sandbox.md");
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
                shown == default || name.ends_with("port"),
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
        (["--token", "a b"], "visible"),
        (["--fault-rate", "2"], "from 0 to 1"),
        (["--list-lag", "soon"], "0-3000"),
        (["--host", "localhost"], "invalid"),
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
