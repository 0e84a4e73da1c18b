//! `/sandbox/…`: looking inside, and setting things while it runs.
//!
//! These need no token, are never faulted and never logged. So they answer only to names of this computer and
//! those that were allowed, to no page of another origin, and to small bodies.

mod har;
mod seeding;

use std::time::Duration;

use hyper::body::Incoming;
use serde_json::{Value, json};

use crate::model::content::Sink;
use crate::{
    clock,
    faults::Fault,
    model::snapshot,
    server::{
        body::{Ended, Reading},
        connection::{Cut, How},
        head::{Head, name_and_port},
        outgoing::Part,
        reply::Reply,
    },
    shared::Shared,
};

/// The largest body of a control request.
const LARGEST: u64 = 64 * 1024;

/// Answers a control request.
pub(crate) async fn answer(shared: &Shared, head: &Head, incoming: Incoming, cut: &Cut) -> Reply {
    let refusal = refusal(shared, head);
    let reading = Reading {
        sink: Sink::Memory(Vec::new()),
        keep: LARGEST,
        ..Reading::away(shared.options.idle_timeout, None)
    };
    let read = match reading.read(incoming).await {
        Ended::Whole(read) => read,
        Ended::Enough | Ended::Broken | Ended::NoRoom => match cut.now(How::Close).await {},
    };
    if let Some(reply) = refusal {
        return reply;
    }
    if read.len > LARGEST {
        return problem(
            413,
            &format!(
                "the body has {} bytes; at most {LARGEST} are taken",
                read.len
            ),
        );
    }
    let parts = read.pieces.into_iter().map(Part::Plain).collect();
    act(shared, head, &Part::collect(parts).unwrap_or_default())
}

/// Health answers to any name, so that a container's can be asked by its name.
fn refusal(shared: &Shared, head: &Head) -> Option<Reply> {
    if head.path == "/sandbox/health" {
        return None;
    }
    let authority = head.header("host").unwrap_or_default();
    if !is_allowed(shared, name_and_port(authority).0) {
        return Some(problem(
            403,
            "control requests answer only to loopback names, and to those of --allow-host",
        ));
    }
    let foreign = head.header("origin").is_some_and(|origin| {
        let own = origin
            .split_once("://")
            .is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(authority));
        !own
    });
    foreign.then(|| problem(403, "control requests answer to no page of another origin"))
}

fn is_allowed(shared: &Shared, name: &str) -> bool {
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    let loopback = bare
        .parse::<std::net::IpAddr>()
        .is_ok_and(|address| address.is_loopback());
    let allowed = &shared.options.allow_hosts;
    loopback
        || name.eq_ignore_ascii_case("localhost")
        || allowed
            .iter()
            .any(|allowed| allowed.eq_ignore_ascii_case(name))
}

fn problem(status: u16, message: &str) -> Reply {
    Reply::json(status, &json!({"error": message}))
}

fn act(shared: &Shared, head: &Head, body: &[u8]) -> Reply {
    let result = match (head.path.as_str(), head.method.as_str()) {
        ("/sandbox/health", "GET" | "HEAD") => Ok(Reply::json(200, &json!({"status": "ok"}))),
        ("/sandbox/items", "GET") => Ok(Reply::json(200, &json!(snapshot::items(shared)))),
        ("/sandbox/items", "POST") => {
            seeding::add(shared, body).map(|made| Reply::json(201, &json!(made)))
        }
        ("/sandbox/requests", "GET") => Ok(Reply::json(200, &json!(shared.log().all()))),
        ("/sandbox/requests.har", "GET") => Ok(Reply::json(
            200,
            &har::export(&shared.log().all(), &head.graph, &head.upload),
        )),
        ("/sandbox/requests", "DELETE") => {
            shared.log().clear();
            Ok(Reply::empty(204))
        }
        ("/sandbox/faults", "GET") => Ok(Reply::json(200, &pending(shared))),
        ("/sandbox/faults", "POST") => faults(body).map(|faults| {
            shared.faults().add(faults);
            Reply::json(200, &pending(shared))
        }),
        ("/sandbox/faults", "DELETE") => {
            shared.faults().clear();
            Ok(Reply::empty(204))
        }
        ("/sandbox/clock", "GET") => Ok(time(shared)),
        ("/sandbox/clock", "POST") => advance(body).map(|by| {
            shared.clock.advance(by);
            time(shared)
        }),
        ("/sandbox/reset", "POST") => {
            shared.reset();
            Ok(Reply::empty(204))
        }
        (path, _) => {
            let methods = match path {
                "/sandbox/health" | "/sandbox/requests.har" => "GET",
                "/sandbox/items" | "/sandbox/clock" => "GET, POST",
                "/sandbox/requests" => "GET, DELETE",
                "/sandbox/faults" => "GET, POST, DELETE",
                "/sandbox/reset" => "POST",
                _ => return problem(404, "not a control request; see docs/sandbox.md"),
            };
            Ok(Reply::empty(405).header("allow", methods))
        }
    };
    result.unwrap_or_else(|message| problem(400, &message))
}

fn time(shared: &Shared) -> Reply {
    Reply::json(200, &json!({"time": clock::precise(shared.clock.time())}))
}

/// `{"advance": SECS}`.
fn advance(body: &[u8]) -> Result<Duration, String> {
    let body: Value =
        serde_json::from_slice(body).map_err(|_| "the body is not JSON".to_owned())?;
    body.get("advance")
        .and_then(Value::as_f64)
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .filter(|_| body.as_object().is_some_and(|body| body.len() == 1))
        .ok_or_else(|| "give {\"advance\": SECS}, a number from 0".to_owned())
}

/// The faults that may still strike, in the words of the grammar.
fn pending(shared: &Shared) -> Value {
    shared
        .faults()
        .pending()
        .map(|fault| json!(fault.to_string()))
        .collect()
}

/// The beginning of the first line of what was sent, for messages.
fn line(text: &str) -> String {
    let first = text.lines().next().unwrap_or_default();
    let mut line: String = first.chars().filter(|c| !c.is_control()).take(80).collect();
    if line.len() < text.trim_end().len() {
        line.push('…');
    }
    line
}

/// Reads a JSON list of faults, a single JSON string, or one fault a line.
fn faults(body: &[u8]) -> Result<Vec<Fault>, String> {
    let text = std::str::from_utf8(body).map_err(|_| "the faults are not UTF-8".to_owned())?;
    let specs: Vec<String> = match serde_json::from_str(text) {
        Ok(Value::Array(list)) => list
            .into_iter()
            .map(|spec| match spec {
                Value::String(spec) => Ok(spec),
                other => Err(format!(
                    "`{}` is not a fault: give texts",
                    line(&other.to_string())
                )),
            })
            .collect::<Result<_, _>>()?,
        Ok(Value::String(spec)) => vec![spec],
        Ok(other) => {
            return Err(format!(
                "`{}` is not a list of faults",
                line(&other.to_string())
            ));
        }
        Err(_) => text
            .lines()
            .map(str::trim)
            .filter(|l| !l.is_empty())
            .map(str::to_owned)
            .collect(),
    };
    specs
        .iter()
        .map(|spec| {
            spec.parse()
                .map_err(|e: crate::faults::BadFault| match spec.len() {
                    ..=80 => line(
                        &e.to_string()
                            .replace('\n', " ")
                            .chars()
                            .take(400)
                            .collect::<String>(),
                    ),
                    _ => format!("`{}` is not a fault", line(spec)),
                })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Options;

    #[test]
    fn faults_come_as_json_or_as_lines() {
        let two = vec![
            "put@1=drop".parse().expect("fine"),
            "any@2=503:1".parse().expect("fine"),
        ];
        assert_eq!(faults(br#"["put@1=drop","any@2=503:1"]"#), Ok(two.clone()));
        assert_eq!(faults(b"put@1=drop\n\n  any@2=503:1\n"), Ok(two.clone()));
        assert_eq!(faults(br#""put@1=drop""#), Ok(two[..1].to_vec()));
        assert_eq!(faults(b""), Ok(Vec::new()));
        for bad in [&b"[1]"[..], b"{}", b"puts@1=drop", b"\xff"] {
            assert!(faults(bad).is_err());
        }
    }

    #[test]
    fn no_message_quotes_more_than_a_line() {
        for body in [
            "x".repeat(60_000),
            format!("[{{\"a\":\"{}\"}}]", "y".repeat(60_000)),
        ] {
            let message = faults(body.as_bytes()).unwrap_err();
            assert!(
                message.chars().count() < 200,
                "{} characters",
                message.len()
            );
        }
        assert_eq!(line("a\u{1b}[31mb\nc"), "a[31mb…");
    }

    #[test]
    fn the_clock_only_goes_forward() {
        assert_eq!(
            advance(br#"{"advance": 1.5}"#),
            Ok(Duration::from_millis(1500))
        );
        for bad in [
            &b"{}"[..],
            b"x",
            br#"{"advance": -1}"#,
            br#"{"advance": 1, "b": 2}"#,
            br#"{"advance": "1"}"#,
        ] {
            assert!(advance(bad).is_err());
        }
    }

    #[test]
    fn only_names_of_this_computer_are_answered() {
        let options = Options {
            allow_hosts: vec!["sandbox".to_owned()],
            ..Options::default()
        };
        let shared = Shared::new(options, String::new(), String::new());
        for name in [
            "127.0.0.1",
            "127.1.2.3",
            "[::1]",
            "localhost",
            "LOCALHOST",
            "sandbox",
        ] {
            assert!(is_allowed(&shared, name), "{name}");
        }
        for name in [
            "",
            "example.com",
            "10.0.0.1",
            "localhost.example.com",
            "sandbox2",
        ] {
            assert!(!is_allowed(&shared, name), "{name}");
        }
    }
}
