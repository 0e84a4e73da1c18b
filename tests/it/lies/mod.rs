//! A service that lies: every lie ends soon, in little memory, and never in a success that is none.

mod created;
mod places;
mod ranges;
mod size;
mod words;

use std::{
    fs,
    process::Command,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use serde_json::json;

use crate::support::{
    BINARY, Watched, content, figure,
    liar::{
        Answer, Asked, Decoy, Liar, Lie, Places, SECRET, Script, TOKEN, What, head, reply,
        with_head,
    },
    watch,
};

/// What a lie may end in.
const MINUTE: Duration = Duration::from_secs(60);
/// And what it may cost.
const MOST_MEMORY: u64 = 64 * 1024;

/// Three ranges of `RANGE`.
const SIZE: usize = 3_000_000;
const RANGE: usize = 1024 * 1024;

/// A lie, and how it must end.
struct Case {
    name: String,
    /// Exit codes that will do; 0 only ever with the file attached once.
    codes: &'static [i32],
    size: usize,
    args: Vec<&'static str>,
    script: Script,
}

fn case(
    name: impl Into<String>,
    codes: &'static [i32],
    script: impl Fn(&Asked, &Places) -> Option<Lie> + Send + Sync + 'static,
) -> Case {
    Case {
        name: name.into(),
        codes,
        size: SIZE,
        args: Vec::new(),
        script: Box::new(script),
    }
}

impl Case {
    /// With a small file, which goes in one POST.
    fn small(mut self) -> Self {
        self.size = 1_000;
        self
    }

    fn with(mut self, args: &[&'static str]) -> Self {
        self.args.extend(args);
        self
    }
}

/// Makes an answer, which cannot be copied.
type MakeAnswer = fn() -> Answer;

/// The honest effect, and these words.
fn after(bytes: Vec<u8>) -> Option<Lie> {
    Some(Lie::After(Answer::Raw(bytes)))
}

/// No effect, and these words.
fn instead(bytes: Vec<u8>) -> Option<Lie> {
    Some(Lie::Instead(Answer::Raw(bytes)))
}

/// The service names this as the next range.
fn next(ranges: &serde_json::Value) -> Vec<u8> {
    reply(200, &json!({"nextExpectedRanges": ranges}))
}

/// The command line of a case against its liar, in a home of its own.
fn command(home: &std::path::Path, places: &Places, args: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    command
        .args(args)
        .env_clear()
        .env("HOME", home)
        .env("GRAPH_ATTACH_TEST_LAG", "500")
        .env("GRAPH_ATTACH_ENDPOINT", format!("{}/v1.0", places.graph))
        .env("GRAPH_ATTACH_TOKEN", TOKEN)
        .env("GRAPH_ATTACH_MESSAGE", "AAMkItem=")
        .current_dir(home);
    command
}

/// Whatever was said, it was no secret.
#[track_caller]
fn keeps_secrets(watched: &Watched, name: &str) {
    let said = format!("{}{}", watched.run.stdout, watched.run.stderr);
    for secret in [SECRET, TOKEN] {
        assert!(!said.contains(secret), "{name}: {said}");
    }
}

/// Everything that must hold of one case; what does not is told.
fn prove(case: Case) -> Result<Watched, String> {
    let home = tempfile::tempdir().unwrap();
    let whole = content(&case.name, case.size);
    fs::write(home.path().join("f"), &whole).unwrap();
    let liar = Liar::new(case.script);
    let mut args = vec!["attach", "--chunk-size", "1MiB", "f"];
    args.extend(&case.args);
    let watched = watch(&mut command(home.path(), &liar.places, &args), MINUTE);
    keeps_secrets(&watched, &case.name);
    let name = &case.name;
    let code = watched.run.code.unwrap_or(-1);
    let peak = watched.peak.unwrap_or(0);
    let told = format!(
        "{name}: exit {code} after {:.1} s, {} KiB",
        watched.time.as_secs_f64(),
        peak
    );
    let complain = |what: &str| Err(format!("{told}: {what}: {:#?}", watched.run));
    if watched.late {
        return complain("it does not end");
    }
    if !case.codes.contains(&code) {
        return complain(&format!("expected one of {:?}", case.codes));
    }
    if peak > MOST_MEMORY {
        return complain("too much memory");
    }
    if liar.seen().iter().any(|asked| asked.what == What::Stray) {
        return complain("a request that leads nowhere");
    }
    let upload = [What::Put, What::Ask, What::Delete];
    if let Some(asked) = liar
        .seen()
        .iter()
        .find(|asked| asked.bearer == upload.contains(&asked.what))
    {
        return complain(&format!("bearer: {} on {asked:?}", asked.bearer));
    }
    let held = liar.held();
    let right = held.iter().filter(|held| held.content == whole).count();
    match code {
        0 if right != 1 || held.len() != 1 => complain(&format!("{} attachments", held.len())),
        0 if watched.run.stdout.trim_end() != held[0].id => complain("another id"),
        1.. if !watched.run.stdout.is_empty() => complain("an id and a failure"),
        1.. if !watched.run.stderr.contains("error: ") => complain("no word about it"),
        _ => Ok(watched),
    }
}

/// Proves all cases, many at a time: most of the time they wait.
fn prove_all(what: &str, cases: Vec<Case>) {
    let cases: Vec<Mutex<Option<Case>>> = cases.into_iter().map(|c| Mutex::new(Some(c))).collect();
    let (turn, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let worst = Mutex::new((Duration::ZERO, 0));
    thread::scope(|scope| {
        for _ in 0..32 {
            scope.spawn(|| {
                while let Some(case) = cases.get(turn.fetch_add(1, Ordering::Relaxed)) {
                    let case = case.lock().unwrap().take().unwrap();
                    match prove(case) {
                        Ok(watched) => {
                            let mut worst = worst.lock().unwrap();
                            worst.0 = worst.0.max(watched.time);
                            worst.1 = worst.1.max(watched.peak.unwrap_or(0));
                        }
                        Err(told) => wrong.lock().unwrap().push(told),
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(
        wrong.is_empty(),
        "{} cases:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    let (time, peak) = worst.into_inner().unwrap();
    // One process may be over before it is looked at, but not all of them.
    assert!(
        peak > 0 || !cfg!(target_os = "linux"),
        "no memory was measured"
    );
    let details = format!(
        "the longest took {:.1} s, the largest {:.1} MiB of memory",
        time.as_secs_f64(),
        peak as f64 / 1024.0
    );
    figure(&format!("lies: {what}"), cases.len(), cases.len(), &details);
}
