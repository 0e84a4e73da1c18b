//! The promise against a service that is late, lags, renames and answers anything after the work was done:
//! one attachment, whatever happened, and words that say no more than is known.

use std::{
    fs,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::support::{
    BINARY, Run, content,
    liar::{Answer, Asked, Liar, Lie, Places, TOKEN, What, reply, with_head},
};

/// How long the service may lag, in milliseconds: thirty seconds for people.
const LAG: u64 = 3_000;

const SMALL: usize = 50_000;
const LARGE: usize = 3_300_000;

/// A service with one lie, and a home with the file `f.bin`.
struct Play {
    liar: Liar,
    home: tempfile::TempDir,
}

impl Play {
    fn new(
        size: usize,
        script: impl Fn(&Asked, &Places) -> Option<Lie> + Send + Sync + 'static,
    ) -> Self {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("f.bin"), content("f.bin", size)).unwrap();
        Play {
            liar: Liar::new(Box::new(script)),
            home,
        }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command
            .args(args)
            .env_clear()
            .env("HOME", self.home.path())
            .env("GRAPH_ATTACH_TEST_LAG", LAG.to_string())
            .env(
                "GRAPH_ATTACH_ENDPOINT",
                format!("{}/v1.0", self.liar.places.graph),
            )
            .env("GRAPH_ATTACH_TOKEN", TOKEN)
            .env("GRAPH_ATTACH_MESSAGE", "AAMkItem=")
            .current_dir(self.home.path());
        command
    }

    fn run(&self, args: &[&str]) -> Run {
        Run::of(self.command(args).output().unwrap())
    }

    /// Starts this, and kills it once the service has seen `what` so many times.
    fn killed_at(&self, args: &[&str], what: What, times: usize) {
        let mut child = self
            .command(args)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let since = Instant::now();
        let seen = || {
            self.liar
                .seen()
                .iter()
                .filter(|asked| asked.what == what)
                .count()
        };
        while seen() < times {
            assert!(since.elapsed() < Duration::from_secs(60), "it never comes");
            thread::sleep(Duration::from_millis(5));
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// How many attachments are the file.
    fn copies(&self) -> usize {
        let file = fs::read(self.home.path().join("f.bin")).unwrap();
        let held = self.liar.held();
        held.iter().filter(|held| held.content == file).count()
    }

    fn status(&self) -> Vec<Value> {
        self.run(&["status", "--json"]).code(0).json()
    }
}

/// The work is done, and then the connection is gone.
fn lost() -> Option<Lie> {
    Some(Lie::After(Answer::Last(Vec::new())))
}

/// The work is done, and nobody says anything any more.
fn silent() -> Option<Lie> {
    Some(Lie::After(Answer::Raw(Vec::new())))
}

fn after(status: u16, body: &Value) -> Option<Lie> {
    Some(Lie::After(Answer::Raw(reply(status, body))))
}

fn nothing_listed() -> Option<Lie> {
    Some(Lie::Instead(Answer::Raw(reply(200, &json!({"value": []})))))
}

/// The service's own error.
fn error(code: &str) -> Value {
    json!({"error": {"code": code, "message": "m"}})
}

/// Whether this is the first request that attaches: the POST, or the last range.
fn attaches(asked: &Asked) -> bool {
    match asked.what {
        What::Post => asked.nth == 1,
        What::Put => asked.range.1 == asked.total && asked.total > 0 && asked.nth <= 4,
        _ => false,
    }
}

const LARGE_ARGS: [&str; 4] = ["attach", "--chunk-size", "1MiB", "f.bin"];

#[test]
fn a_lost_answer_is_waited_for_while_the_list_lags() {
    for size in [SMALL, LARGE] {
        let play = Play::new(size, |asked, _| match asked.what {
            _ if attaches(asked) => lost(),
            What::List if (2..5).contains(&asked.nth) => nothing_listed(),
            _ => None,
        });
        let run = play
            .run(&LARGE_ARGS)
            .code(0)
            .says("answer lost; looking whether it was attached");
        assert_eq!(play.copies(), 1, "{run:#?}");
        assert_eq!(run.id(), "AAMkA1=");
    }
}

#[test]
fn no_status_proves_that_nothing_was_done() {
    for status in [
        200, 204, 404, 408, 409, 412, 423, 425, 500, 501, 502, 503, 504,
    ] {
        for size in [SMALL, LARGE] {
            let play =
                Play::new(size, move |asked, _| match asked.what {
                    _ if attaches(asked) && status == 204 => Some(Lie::After(Answer::Raw(
                        with_head("204 No Content", "", b""),
                    ))),
                    _ if attaches(asked) => after(status, &error("ErrorItemNotFound")),
                    What::List if asked.nth == 2 || asked.nth == 3 => nothing_listed(),
                    _ => None,
                });
            let run = play.run(&LARGE_ARGS);
            assert_eq!(play.copies(), 1, "{status}: {run:#?}");
            assert_eq!(run.code(0).id(), "AAMkA1=", "{status}");
        }
    }
}

#[test]
fn a_command_that_was_killed_while_it_attached_is_gone_on_with_at_once() {
    for (size, what, nth) in [(SMALL, What::Post, 1), (LARGE, What::Put, 4)] {
        for next in ["attach", "resume"] {
            let play = Play::new(size, |asked, _| match asked.what {
                _ if attaches(asked) => silent(),
                // It is listed a while after the second command looked for the first time.
                What::List if (2..6).contains(&asked.nth) => nothing_listed(),
                _ => None,
            });
            play.killed_at(&LARGE_ARGS, what, nth);
            let status = play.status();
            let expected = if size == SMALL {
                "in_doubt"
            } else {
                "resumable"
            };
            assert_eq!(status[0]["state"], expected, "{status:?}");
            let run = match next {
                "attach" => play.run(&LARGE_ARGS),
                _ => play.run(&["resume"]),
            };
            assert_eq!(play.copies(), 1, "{run:#?}");
            assert_eq!(run.code(0).id(), "AAMkA1=");
            play.run(&["resume"]).code(0).says("no upload to resume");
        }
    }
}

#[test]
fn what_the_service_renamed_is_found_by_its_content() {
    let renamed = |size: usize, name: &'static str| {
        Play::new(size, move |asked, _| match asked.what {
            _ if attaches(asked) => lost(),
            What::List if asked.nth > 1 => {
                let entry = json!({"id": "AAMkA1=", "name": name, "size": 0});
                Some(Lie::Instead(Answer::Raw(reply(
                    200,
                    &json!({"value": [entry]}),
                ))))
            }
            _ => None,
        })
    };
    for name in ["F.BIN", " f.bin", "attachment", ""] {
        let play = renamed(SMALL, name);
        let run = play.run(&["attach", "f.bin"]).code(0);
        assert_eq!((play.copies(), run.id()), (1, "AAMkA1="), "{name}");
    }
}

#[test]
fn a_page_or_half_of_it_is_no_other_file() {
    for body in [
        &b"<html>proxy</html>"[..],
        b"",
        &content("f.bin", SMALL)[..SMALL / 2],
    ] {
        let body = body.to_vec();
        let play = Play::new(SMALL, move |asked, _| match asked.what {
            What::Content if asked.nth <= 2 => {
                Some(Lie::Instead(Answer::Raw(with_head("200 OK", "", &body))))
            }
            _ => None,
        });
        play.run(&["attach", "f.bin"]).code(0);
        // From elsewhere: nothing is known of the first one but what is listed.
        let run = play
            .run(&["attach", "--state-dir", "elsewhere", "f.bin"])
            .code(0);
        assert_eq!((play.copies(), run.id()), (1, "AAMkA1="));
        assert!(run.stderr.contains("already"), "{run:#?}");
    }
}

#[test]
fn what_can_never_be_read_is_not_known() {
    let play = Play::new(SMALL, |asked, _| match asked.what {
        What::Post if asked.nth == 1 => lost(),
        What::Content if asked.nth <= 40 => Some(Lie::Instead(Answer::Raw(reply(
            504,
            &error("GatewayTimeout"),
        )))),
        _ => None,
    });
    let run = play
        .run(&["attach", "f.bin"])
        .code(5)
        .says("`f.bin` may be attached")
        .says("graph-attach ls --message AAMkItem=")
        .says("graph-attach resume ");
    assert!(!run.stderr.contains("not attached"), "{run:#?}");
    assert_eq!(play.copies(), 1);
}

#[test]
fn a_post_that_was_given_up_is_finished_by_resume() {
    let play = Play::new(SMALL, |asked, _| match asked.what {
        What::Post if asked.nth <= 2 => Some(Lie::Instead(Answer::Raw(with_head(
            "503 Unavailable",
            "Retry-After: 0\r\n",
            error("ServiceUnavailable").to_string().as_bytes(),
        )))),
        _ => None,
    });
    play.run(&["attach", "--max-retries", "1", "f.bin"])
        .code(5)
        .says("`f.bin` is not attached")
        .says("graph-attach resume ");
    assert_eq!(play.copies(), 0);
    play.run(&["resume"]).code(0);
    assert_eq!(play.copies(), 1);
}

#[test]
fn the_printed_id_is_that_of_the_file() {
    // 201 without a place, while somebody else's file of that name is all that is listed.
    let play = Play::new(LARGE, |asked, places| match asked.what {
        What::Put if attaches(asked) => {
            Some(Lie::After(Answer::Raw(with_head("201 Created", "", b""))))
        }
        What::List if (2..5).contains(&asked.nth) => {
            let entry = json!({"id": "AAMkOther=", "name": "f.bin", "size": 238});
            let _ = places;
            Some(Lie::Instead(Answer::Raw(reply(
                200,
                &json!({"value": [entry]}),
            ))))
        }
        What::Content if asked.line.contains("AAMkOther") => {
            Some(Lie::Instead(Answer::Raw(with_head("200 OK", "", b"x"))))
        }
        _ => None,
    });
    let run = play.run(&LARGE_ARGS).code(0);
    assert_eq!((play.copies(), run.id()), (1, "AAMkA1="));
}

#[test]
fn an_id_that_was_printed_is_not_looked_for_in_a_list_that_lags() {
    for size in [SMALL, LARGE] {
        let play = Play::new(size, |asked, _| match asked.what {
            What::List => nothing_listed(),
            _ => None,
        });
        let first = play.run(&LARGE_ARGS).code(0);
        let again = play.run(&LARGE_ARGS).code(0);
        assert_eq!(first.id(), again.id());
        assert_eq!(play.copies(), 1);
    }
}

#[test]
fn two_copies_are_told_with_the_command_that_removes_one() {
    // The first POST is answered 404, done, and listed only when the second is there too.
    let play = Play::new(SMALL, |asked, _| match asked.what {
        What::Post if asked.nth == 1 => after(404, &error("ErrorItemNotFound")),
        What::List if (2..9).contains(&asked.nth) => nothing_listed(),
        _ => None,
    });
    play.run(&["attach", "f.bin"])
        .code(10)
        .says("attached twice")
        .says("graph-attach detach --message AAMkItem= AAMkA");
    assert_eq!(play.copies(), 2);
}
