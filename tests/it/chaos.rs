//! Random lives of uploads: faults of every kind, services of every habit, kills and resumes. What
//! comes of each must be one attachment with the file's bytes, whatever happened on the way.
//!
//! `CHAOS_RUNS=1000` runs so many, `CHAOS_FIRST=5000` begins at that seed, and `CHAOS_SEED=42` runs
//! that one again and tells it all.

use std::{
    fs::{self, File},
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    process::{Child, Stdio},
    sync::{
        Condvar, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use graph_sandbox::Seen;

use crate::support::{
    Stage, figure,
    scenario::{Kill, Scenario},
    sha256,
};

/// In `cargo test`. More is one variable away.
const RUNS: u64 = 200;

/// Lives at a time: they mostly wait.
const AT_ONCE: usize = 24;

/// Bytes of files at a time; the service keeps in memory what it was sent, more than once at worst.
const BYTES_AT_ONCE: usize = 400_000_000;

/// No process may take longer. The longest that the drawn faults can add up to is under a minute.
const HANG: Duration = Duration::from_secs(180);

/// No life may need more processes than its faults and kills can end.
const PROCESSES: usize = 40;

#[test]
fn attached_once_whatever_happens() {
    if let Some(seed) = variable("CHAOS_SEED") {
        let mut story = Vec::new();
        let result = catch_unwind(AssertUnwindSafe(|| live(seed, &mut story)));
        println!("{}", story.join("\n"));
        result.expect("the life with this seed ends well");
        return;
    }
    let runs = variable("CHAOS_RUNS").unwrap_or(RUNS);
    let first = variable("CHAOS_FIRST").unwrap_or(1);
    let (next, room) = (AtomicU64::new(first), Room::default());
    let (failed, totals) = (Mutex::new(Vec::new()), Mutex::new(Totals::default()));
    let started = Instant::now();
    thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(runs as usize) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + runs {
                        break;
                    }
                    let _place = room.take(Scenario::draw(seed).size);
                    let mut story = Vec::new();
                    match catch_unwind(AssertUnwindSafe(|| live(seed, &mut story))) {
                        Ok(life) => totals.lock().unwrap().add(&life),
                        Err(_) => {
                            println!("seed {seed}:\n{}", story.join("\n"));
                            failed.lock().unwrap().push(seed);
                        }
                    }
                }
            });
        }
    });
    let totals = totals.into_inner().unwrap();
    let details = format!(
        "seeds {first} to {}; {} processes, {} of them killed; {} requests, {} of them struck by a \
         fault; {:.0} s",
        first + runs - 1,
        totals.processes,
        totals.killed,
        totals.requests,
        totals.struck,
        started.elapsed().as_secs_f64(),
    );
    figure(
        "random faults and kills: content equal, no duplicate, no hang",
        totals.lives as usize,
        runs as usize,
        &details,
    );
    let failed = failed.into_inner().unwrap();
    for seed in &failed {
        println!("again: CHAOS_SEED={seed} cargo test --test it chaos:: -- --nocapture");
    }
    assert!(failed.is_empty(), "{} lives ended badly", failed.len());
}

fn variable(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("`{name}` is a number")),
    )
}

/// What a life came to.
#[derive(Default)]
struct Life {
    processes: u64,
    killed: u64,
    requests: u64,
    struck: u64,
}

#[derive(Default)]
struct Totals {
    lives: u64,
    processes: u64,
    killed: u64,
    requests: u64,
    struck: u64,
}

impl Totals {
    fn add(&mut self, life: &Life) {
        self.lives += 1;
        self.processes += life.processes;
        self.killed += life.killed;
        self.requests += life.requests;
        self.struck += life.struck;
    }
}

/// Lets files in as long as all of them together are not too large.
#[derive(Default)]
struct Room {
    taken: Mutex<usize>,
    left: Condvar,
}

struct Place<'a>(&'a Room, usize);

impl Room {
    fn take(&self, bytes: usize) -> Place<'_> {
        let taken = self.taken.lock().unwrap();
        let full = |taken: &mut usize| *taken > 0 && *taken + bytes > BYTES_AT_ONCE;
        *self.left.wait_while(taken, full).unwrap() += bytes;
        Place(self, bytes)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        *self.0.taken.lock().unwrap() -= self.1;
        self.0.left.notify_all();
    }
}

/// How a process ended; no code when it was killed.
struct Ended {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

/// One life, from the first `attach` to the end. Panics when anything is not as promised.
fn live(seed: u64, story: &mut Vec<String>) -> Life {
    let scenario = Scenario::draw(seed);
    story.push(format!("{scenario:#?}"));
    let stage = Stage::with(scenario.options.clone());
    let file = stage.file("f.bin", scenario.size);
    // Pacing itself to 150 MB in 5 minutes is no part of this.
    fs::write(stage.home.path().join("config.toml"), "volume_limit = 0\n").unwrap();
    let expected = sha256(&file);
    let mut life = Life::default();
    let mut seen = 0;
    loop {
        let number = life.processes as usize;
        assert!(number < PROCESSES, "it is still not attached");
        let kill = scenario.kills.get(number).copied().flatten();
        let args = arguments(&scenario, &stage, number, seed);
        let ended = process(&stage, &scenario, &file, &args, kill, story);
        life.processes += 1;
        settle(&stage);

        let held = held(&stage, &scenario);
        assert!(held.len() <= 1, "attached {} times: {held:#?}", held.len());
        let requests = stage.sandbox.requests();
        let these = &requests[seen..];
        story.extend(these.iter().map(tell));
        let said = ended.stdout.lines();
        let named = said.filter(|line| !line.contains("summary")).count();
        match ended.code {
            None => life.killed += 1,
            // Nothing to resume is a success of its own.
            Some(0) if args[0] == "resume" && named == 0 => {}
            Some(0) => {
                assert_eq!(held.len(), 1, "exit 0, and nothing is attached");
                assert_eq!(held[0].sha256, expected, "other content");
                // The id may be unknown: when the service does not name it and cannot be asked.
                let unknown = named == 0 || ended.stdout.contains("\"id\":null");
                assert!(unknown || ended.stdout.contains(&held[0].id));
            }
            Some(code) => assert!(is_sensible(code, these, &ended.stderr), "exit {code}"),
        }
        seen = requests.len();
        if ended.code == Some(0) && held.len() == 1 {
            assert!(
                requests
                    .iter()
                    .all(|seen| !seen.path.ends_with("/redirected"))
            );
            life.requests = requests.len() as u64;
            life.struck = requests.iter().filter(|seen| seen.fault.is_some()).count() as u64;
            break;
        }
    }
    state_is_sound(&stage, story);
    life
}

/// `attach` first; then, as a user would, `resume` or the same `attach` again.
fn arguments(scenario: &Scenario, stage: &Stage, number: usize, seed: u64) -> Vec<String> {
    let choice = fastrand::Rng::with_seed(seed ^ number as u64).u8(..10);
    let resume = number > 0 && choice < 5;
    let mut args = Vec::new();
    if resume {
        args.extend(["resume".to_owned(), "--all".to_owned()]);
    } else {
        args.push("attach".to_owned());
        args.extend(match scenario.event {
            true => ["--event".to_owned(), stage.sandbox.event().to_owned()],
            false => ["--message".to_owned(), stage.sandbox.message().to_owned()],
        });
        args.extend(scenario.attach.iter().cloned());
        if number > 0 && choice == 9 {
            args.push("--fresh".to_owned());
        }
    }
    args.push("--config=config.toml".to_owned());
    args.extend(scenario.patience.iter().cloned());
    if !resume && scenario.stdin {
        args.extend(["--name=f.bin".to_owned(), "-".to_owned()]);
    } else if !resume {
        args.push("f.bin".to_owned());
    }
    args
}

fn process(
    stage: &Stage,
    scenario: &Scenario,
    file: &Path,
    args: &[String],
    kill: Option<Kill>,
    story: &mut Vec<String>,
) -> Ended {
    let (out, err) = (stage.home.path().join("out"), stage.home.path().join("err"));
    let before = stage.sandbox.requests().len();
    let mut command = stage.process(args);
    command
        .stdout(File::create(&out).unwrap())
        .stderr(File::create(&err).unwrap())
        .stdin(match scenario.stdin && args[0] == "attach" {
            true => Stdio::from(File::open(file).unwrap()),
            false => Stdio::null(),
        });
    let mut child = command.spawn().unwrap();
    let (started, mut hangs) = (Instant::now(), false);
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        let due = match kill {
            None => false,
            Some(Kill::After(time)) => started.elapsed() >= time,
            Some(Kill::AtRequest(count)) => stage.sandbox.requests().len() >= before + count,
        };
        hangs = started.elapsed() > HANG;
        if due || hangs {
            break end(&mut child);
        }
        let pause = if kill.is_some() { 1 } else { 5 };
        thread::sleep(Duration::from_millis(pause));
    };
    let [stdout, stderr] =
        [out, err].map(|path| String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned());
    story.push(format!(
        "$ graph-attach {}\n{stdout}{stderr}=> {status} after {:.1} s",
        args.join(" "),
        started.elapsed().as_secs_f64()
    ));
    assert!(!hangs, "it hangs");
    for text in [&stdout, &stderr] {
        for secret in [stage.sandbox.token(), "authtoken", "AttachmentSessions"] {
            assert!(!text.contains(secret), "the output shows `{secret}`");
        }
        assert!(!text.contains("panicked"), "it panics");
    }
    assert!(
        status.code().is_some() || kill.is_some(),
        "it died: {status}"
    );
    Ended {
        code: status.code(),
        stdout,
        stderr,
    }
}

fn end(child: &mut Child) -> std::process::ExitStatus {
    child.kill().unwrap();
    child.wait().unwrap()
}

/// Waits until the service has finished what the process left: what was handed to the network is
/// carried out even when its sender is dead.
fn settle(stage: &Stage) {
    thread::sleep(Duration::from_millis(20));
    let since = Instant::now();
    while stage.sandbox.connections() > 0 && since.elapsed() < Duration::from_secs(20) {
        thread::sleep(Duration::from_millis(5));
    }
}

fn held(stage: &Stage, scenario: &Scenario) -> Vec<graph_sandbox::HeldFile> {
    stage.held_by(match scenario.event {
        true => stage.sandbox.event(),
        false => stage.sandbox.message(),
    })
}

fn tell(seen: &Seen) -> String {
    let status = seen
        .status
        .map_or("no answer".to_owned(), |s| s.to_string());
    let path = seen.path.split('?').next().unwrap_or_default();
    let path = path.rsplit('/').next().unwrap_or_default();
    format!(
        "    {} {path:.24} {} -> {status} {}",
        seen.method,
        seen.content_range.as_deref().unwrap_or_default(),
        seen.fault
            .as_ref()
            .map_or(String::new(), |fault| format!("(fault: {fault})")),
    )
}

/// Whether an exit code follows from what the service said to this process.
fn is_sensible(code: i32, requests: &[Seen], stderr: &str) -> bool {
    let any =
        |test: &dyn Fn(u16) -> bool| requests.iter().any(|seen| seen.status.is_some_and(test));
    match code {
        4 => any(&|status| matches!(status, 401 | 403)),
        // Something has to have gone wrong; a fault has no status where the connection was cut. A
        // busy machine is slow enough for the time limits.
        5 => {
            any(&|status| status >= 400)
                || requests.iter().any(|seen| seen.fault.is_some())
                || ["the time limit", "too long", "no byte moved", "in time"]
                    .iter()
                    .any(|limit| stderr.contains(limit))
        }
        6 => any(&|status| matches!(status, 404 | 410)),
        7 => any(&|status| (400..500).contains(&status) || matches!(status, 501 | 505 | 507 | 508)),
        // Only a success that is none, or a redirection, contradicts.
        10 => requests
            .iter()
            .any(|seen| seen.fault.is_some() && seen.status.is_some_and(|status| status < 400)),
        _ => false,
    }
}

/// The state directory can be read, holds nothing unfinished, and can be emptied.
fn state_is_sound(stage: &Stage, story: &mut Vec<String>) {
    let status = stage.run(["status", "--json"]).code(0);
    story.push(format!("{status:#?}"));
    assert!(!status.stderr.contains("not used"), "{status:#?}");
    for line in status.json() {
        // A pipe that was killed before its end was seen is kept, and never attached.
        let is_sound = line["state"] == "finished" || line["state"] == "incomplete";
        assert!(is_sound, "{line}");
    }
    stage
        .run(["prune", "--discard-unfinished", "--yes"])
        .code(0);
    for entry in fs::read_dir(stage.state_dir()).into_iter().flatten() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        // Half-written files of killed processes stay for a day: another process may be writing.
        assert!(
            name.starts_with(".tmp-") || name.ends_with(".spool"),
            "`{name}` is left"
        );
    }
}
