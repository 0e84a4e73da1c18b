//! A service that throttles, in every way that it has been seen to say so, and the pace that the
//! program sets itself.

use std::{fs, path::Path, process::Command, time::Duration};

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::support::{
    BINARY, Stage, Watched, content,
    liar::{Answer, Asked, Liar, Lie, Places, TOKEN, What, with_head},
    watch,
};

const SIZE: usize = 3_000_000;
const PATIENCE: Duration = Duration::from_secs(60);

fn command(home: &Path, places: &Places, args: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    command
        .args(["attach", "--chunk-size", "1MiB"])
        .args(args)
        .env_clear()
        .env("HOME", home)
        .env("GRAPH_ATTACH_TEST_LAG", "500")
        .env("GRAPH_ATTACH_ENDPOINT", format!("{}/v1.0", places.graph))
        .env("GRAPH_ATTACH_TOKEN", TOKEN)
        .env("GRAPH_ATTACH_MESSAGE", "AAMkItem=")
        .env("GRAPH_ATTACH_CONFIG", home.join("config.toml"))
        .current_dir(home);
    command
}

/// A 429 with these headers, about one limit or another.
fn throttled(headers: &str, limit: &str) -> Option<Lie> {
    let message = format!("Application is over its {limit} limit.");
    let body = json!({"error": {"code": "ApplicationThrottled", "message": message}});
    let answer = with_head(
        "429 Too Many Requests",
        headers,
        body.to_string().as_bytes(),
    );
    Some(Lie::Instead(Answer::Raw(answer)))
}

/// Attaches `f` and `g` (of `SIZE` bytes each) as `args` say.
fn attach(
    config: &str,
    args: &[&str],
    script: impl Fn(&Asked, &Places) -> Option<Lie> + Send + Sync + 'static,
) -> (Liar, Watched) {
    let home = tempfile::tempdir().unwrap();
    for name in ["f", "g"] {
        fs::write(home.path().join(name), content(name, SIZE)).unwrap();
    }
    fs::write(home.path().join("config.toml"), config).unwrap();
    let liar = Liar::new(Box::new(script));
    let watched = watch(&mut command(home.path(), &liar.places, args), PATIENCE);
    assert!(!watched.late, "{watched:#?}");
    (liar, watched)
}

fn count(liar: &Liar, what: What) -> usize {
    let seen = liar.seen();
    seen.iter().filter(|asked| asked.what == what).count()
}

fn date(when: Timestamp) -> String {
    jiff::fmt::rfc2822::DateTimePrinter::new()
        .timestamp_to_rfc9110_string(&when)
        .expect("a date")
}

#[test]
fn whatever_retry_after_says_it_goes_on() {
    let soon = date(Timestamp::now() + SignedDuration::from_secs(2));
    let past = date(Timestamp::now() - SignedDuration::from_hours(1));
    // By a clock of 2001; by ours it would be long over.
    let other_clock = "Date: Mon, 01 Jan 2001 00:00:00 GMT\r\n\
                       Retry-After: Mon, 01 Jan 2001 00:00:02 GMT\r\n";
    let cases = [
        (String::new(), 2),
        ("Retry-After: 0\r\n".to_owned(), 0),
        ("Retry-After: 1\r\n".to_owned(), 1),
        (format!("Retry-After: {soon}\r\n"), 0),
        (format!("Retry-After: {past}\r\n"), 0),
        ("Retry-After: soon\r\n".to_owned(), 2),
        ("Retry-After: -5\r\n".to_owned(), 2),
        ("Retry-After: \r\n".to_owned(), 2),
        (other_clock.to_owned(), 2),
    ];
    std::thread::scope(|scope| {
        for what in [What::List, What::Create, What::Put] {
            for (limit, (headers, seconds)) in ["MailboxConcurrency", "IncomingBytes"]
                .into_iter()
                .cycle()
                .zip(&cases)
            {
                scope.spawn(move || {
                    let said = headers.clone();
                    let (liar, watched) = attach("", &["f"], move |asked, _| {
                        (asked.what == what && asked.nth == 1)
                            .then(|| throttled(&said, limit))
                            .flatten()
                    });
                    let time = watched.time;
                    let run = watched.run.code(0).says("throttling");
                    assert!(time >= Duration::from_secs(*seconds), "{headers}: {run:#?}");
                    assert_eq!(liar.held().len(), 1);
                    // Nothing was done, so nothing is asked: the same request again, once.
                    assert_eq!(count(&liar, What::Put), 3 + usize::from(what == What::Put));
                    assert_eq!(count(&liar, What::Ask), 0);
                });
            }
        }
    });
}

#[test]
fn ten_years_are_ten_minutes_and_over_the_deadline_at_once() {
    let far = date(Timestamp::now() + SignedDuration::from_hours(24 * 3_652));
    for said in ["315360000", "99999999999999999999999", &far] {
        let headers = format!("Retry-After: {said}\r\n");
        let (liar, watched) = attach("", &["--deadline", "45", "f"], move |asked, _| {
            (asked.what == What::Put && asked.nth == 2)
                .then(|| throttled(&headers, "IncomingBytes"))
                .flatten()
        });
        assert!(watched.time < Duration::from_secs(30), "{watched:#?}");
        let run = watched.run.code(5);
        run.says("time limit")
            .says("IncomingBytes")
            .says("600 s")
            .says("graph-attach resume ");
        assert!(liar.held().is_empty());
    }
}

#[test]
fn throttled_for_good_is_temporary_and_says_so() {
    for limit in ["MailboxConcurrency", "IncomingBytes"] {
        let (liar, watched) = attach("", &["--max-retries", "2", "f"], move |asked, _| {
            (asked.what == What::Put)
                .then(|| throttled("Retry-After: 0\r\n", limit))
                .flatten()
        });
        let run = watched.run.code(5).says(limit).says("throttling");
        run.says("graph-attach resume ");
        assert_eq!(count(&liar, What::Put), 3);
    }
}

#[test]
fn a_batch_slows_down_before_it_is_told_to() {
    // What fits in the account goes out; the rest would have to wait for minutes.
    let limit = "volume_limit = 4000000\n";
    let (liar, watched) = attach(limit, &["--deadline", "45", "f", "g"], |_, _| None);
    assert!(watched.time < Duration::from_secs(30), "{watched:#?}");
    let run = watched
        .run
        .code(3)
        .says("in 5 minutes")
        .says("graph-attach resume ");
    assert_eq!(run.stdout.lines().count(), 1);
    assert_eq!(liar.held().len(), 1);
    // Without a limit nothing waits.
    let (liar, watched) = attach("volume_limit = 0\n", &["f", "g"], |_, _| None);
    watched.run.code(0);
    assert_eq!(liar.held().len(), 2);
}

#[test]
fn processes_share_the_account_of_a_mailbox() {
    let stage = Stage::new();
    stage.file("f", 3_000_000);
    stage.file("g", 3_100_000);
    let config = stage.home.path().join(".config/graph-attach");
    std::fs::create_dir_all(&config).unwrap();
    std::fs::write(config.join("config.toml"), "volume_limit = 4000000\n").unwrap();
    stage.run(["attach", "f"]).code(0);
    let short = ["attach", "--deadline", "20", "g"];
    stage.run(short).code(5).says("in 5 minutes");
    assert_eq!(stage.held().len(), 1);
    // Where nothing can be shared, each process has an account of its own; so has each mailbox.
    stage
        .run(short.into_iter().chain(["--state-dir", "elsewhere"]))
        .code(0);
    let me = ["--mailbox", "sandbox@example.com", "--again"];
    stage.run(short.into_iter().chain(me)).code(0);
    assert_eq!(stage.held().len(), 3);
}
