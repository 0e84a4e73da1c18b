//! The second campaign beside `chaos`: a service that is late. Lists lag, commits come late, names and
//! sizes change, read-backs fail, answers are lost; and the user, or a kill at any moment, is followed at
//! once by the same command. What comes of each must be one attachment with the file's bytes, or a word
//! that says that it is not known; and never two.
//!
//! `LATE_RUNS=1000` runs so many, `LATE_FIRST=5000` begins at that seed, and `LATE_SEED=42` runs that one
//! again and tells it all.

use std::{
    fs::{self, File},
    panic::{AssertUnwindSafe, catch_unwind},
    process::Stdio,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use fastrand::Rng;
use graph_sandbox::{Delay, Options};

use crate::support::{Stage, figure, sha256};

/// In `cargo test`. More is one variable away.
const RUNS: u64 = 16;

/// Lives at a time: they mostly wait.
const AT_ONCE: usize = 24;

/// Commands of one life: each may end with "not known", and then the user gives up.
const COMMANDS: usize = 5;

/// No process may take longer than its doubts: a few times half a minute, and a slow machine.
const HANG: Duration = Duration::from_secs(240);

/// Longest lag of lists, and longest delay of a commit, in seconds.
const LATE: u64 = 10;

/// One life, drawn.
#[derive(Debug)]
struct Plan {
    size: usize,
    /// How long lists lag, and how late commits come.
    list_lag: Duration,
    late_commit: Duration,
    faults: Vec<String>,
    rename: &'static str,
    reported_size: &'static str,
    value_lag: Duration,
    early_value: &'static str,
    /// When the first commands are killed, if they are.
    kills: [Option<Duration>; 2],
    /// Whether the state directory is lost after the first command that ended by itself.
    two_directories: bool,
}

fn pick<'a>(rng: &mut Rng, of: &[&'a str]) -> &'a str {
    of[rng.usize(..of.len())]
}

impl Plan {
    fn draw(seed: u64) -> Self {
        let rng = &mut Rng::with_seed(seed);
        let small = rng.bool();
        let size = match small {
            true => rng.usize(1..200_000),
            false => rng.usize(3_000_000..4_000_000),
        };
        let late = |rng: &mut Rng| match rng.u8(..3) {
            0 => Duration::ZERO,
            _ => Duration::from_millis(rng.u64(..=LATE * 1_000)),
        };
        // What attaches: the POST, or the last of four ranges.
        let place = if small { "post@1" } else { "put@4" };
        let seconds = rng.u64(1..=LATE);
        let lost = [
            format!("{place}=lost"),
            format!("{place}=drop"),
            format!("{place}=cut"),
            format!("{place}=page"),
            format!("{place}=done:404"),
            format!("{place}=done:409"),
            format!("{place}=done:412"),
            format!("{place}=done:500"),
            format!("{place}=done:504"),
            format!("{place}=late:{seconds}"),
            format!("{place}=late:{seconds}:504"),
            format!("{place}=429:1"),
            format!("{place}=503:1"),
        ];
        let mut faults = Vec::new();
        if rng.u8(..4) > 0 {
            faults.push(lost[rng.usize(..lost.len())].clone());
        }
        if rng.u8(..3) == 0 {
            let what = pick(rng, &["page", "short", "empty", "504", "cut"]);
            faults.push(format!("value@1={what}"));
        }
        let mut kill = || {
            let kill = rng.bool();
            kill.then(|| Duration::from_millis(rng.u64(20..4_000)))
        };
        let kills = [kill(), kill()];
        Plan {
            size,
            list_lag: late(rng),
            late_commit: late(rng),
            faults,
            rename: pick(
                rng,
                &["none", "none", "lower", "upper", "replace", "suffix"],
            ),
            reported_size: pick(rng, &["inflated", "exact", "zero", "smaller", "rounded"]),
            value_lag: if rng.bool() {
                late(rng)
            } else {
                Duration::ZERO
            },
            early_value: pick(rng, &["404", "empty", "half", "504"]),
            kills,
            two_directories: rng.u8(..5) == 0,
        }
    }

    fn options(&self) -> Options {
        Options {
            list_lag: Delay::fixed(self.list_lag),
            late_commit: Delay::fixed(self.late_commit),
            faults: self
                .faults
                .iter()
                .map(|fault| fault.parse().expect("a fault"))
                .collect(),
            rename: self.rename.parse().expect("a renaming"),
            reported_size: self.reported_size.parse().expect("a size"),
            value_lag: Delay::fixed(self.value_lag),
            early_value: self.early_value.parse().expect("an early value"),
            ..Options::default()
        }
    }

    /// How long after the last request something may still come.
    fn settles(&self) -> Duration {
        let late = self.faults.iter().any(|fault| fault.contains("late:"));
        self.list_lag.max(self.late_commit)
            + if late {
                Duration::from_secs(LATE)
            } else {
                Duration::ZERO
            }
    }
}

/// How a life ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// One attachment with the file's bytes, exit 0.
    Once,
    /// The last command said that it does not know; attached at most once.
    Unknown,
}

#[test]
fn attached_once_or_told_however_late_the_service_is() {
    if let Some(seed) = variable("LATE_SEED") {
        let mut story = Vec::new();
        let result = catch_unwind(AssertUnwindSafe(|| live(seed, &mut story)));
        println!("{}", story.join("\n"));
        result.expect("the life with this seed ends well");
        return;
    }
    let runs = variable("LATE_RUNS").unwrap_or(RUNS);
    let first = variable("LATE_FIRST").unwrap_or(1);
    let next = AtomicU64::new(first);
    let (ends, failed) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    let twice = AtomicU64::new(0);
    let started = Instant::now();
    thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(usize::try_from(runs).unwrap_or(AT_ONCE)) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + runs {
                        break;
                    }
                    let mut story = Vec::new();
                    match catch_unwind(AssertUnwindSafe(|| live(seed, &mut story))) {
                        Ok(end) => ends.lock().unwrap().push(end),
                        Err(_) => {
                            if story.iter().any(|line| line.starts_with(TWICE)) {
                                twice.fetch_add(1, Ordering::Relaxed);
                            }
                            println!("seed {seed}:\n{}", story.join("\n"));
                            failed.lock().unwrap().push(seed);
                        }
                    }
                }
            });
        }
    });
    let ends = ends.into_inner().unwrap();
    let once = ends.iter().filter(|end| **end == End::Once).count();
    let unknown = ends.len() - once;
    let twice = twice.into_inner();
    let details = format!(
        "seeds {first} to {}; equal and once {once}, told as unknown {unknown}, twice {twice}; lists up to \
         {LATE} s behind, commits up to {LATE} s late; {:.0} s",
        first + runs - 1,
        started.elapsed().as_secs_f64(),
    );
    figure(
        "late services and kills: equal and once, or told; never twice",
        ends.len(),
        usize::try_from(runs).unwrap_or(usize::MAX),
        &details,
    );
    let failed = failed.into_inner().unwrap();
    for seed in &failed {
        println!("again: LATE_SEED={seed} cargo test --test it late_service:: -- --nocapture");
    }
    assert!(failed.is_empty(), "{} lives ended badly", failed.len());
}

/// How the line of a story begins that tells the worst.
const TWICE: &str = "TWICE";

fn variable(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("`{name}` is a number")),
    )
}

/// One life: the same command until it knows. Panics when anything is not as promised.
fn live(seed: u64, story: &mut Vec<String>) -> End {
    let plan = Plan::draw(seed);
    story.push(format!("{plan:#?}"));
    let stage = Stage::with(plan.options());
    let file = stage.file("Bericht f.bin", plan.size);
    fs::write(stage.home.path().join("config.toml"), "volume_limit = 0\n").unwrap();
    let expected = sha256(&file);
    let mut directory = "first";
    let mut end = None;
    for number in 0..COMMANDS {
        let kill = plan.kills.get(number).copied().flatten();
        let code = command(&stage, directory, kill, story);
        match code {
            Some(0) => {
                end = Some(End::Once);
                break;
            }
            Some(5) => end = Some(End::Unknown),
            // Ended by the kill: the same command at once.
            None => end = None,
            Some(code) => panic!("exit {code}"),
        }
        if plan.two_directories && code.is_some() && directory == "first" {
            // Another directory knows nothing of the first: what it can see must be there by then.
            thread::sleep(plan.settles());
            directory = "second";
        }
    }
    // Whatever is on its way arrives.
    thread::sleep(plan.settles());
    let held = stage.held();
    let equal = held.iter().filter(|held| held.sha256 == expected).count();
    if equal > 1 {
        story.push(format!("{TWICE}: {held:#?}"));
    }
    assert!(equal <= 1, "attached {equal} times");
    assert_eq!(held.len(), equal, "something else is attached");
    let end = end.expect("it ended by itself in the end");
    if end == End::Once {
        assert_eq!(equal, 1, "exit 0, and nothing is attached");
    }
    end
}

/// Runs the command; its exit code, none if it was killed.
fn command(
    stage: &Stage,
    directory: &str,
    kill: Option<Duration>,
    story: &mut Vec<String>,
) -> Option<i32> {
    let (out, err) = (stage.home.path().join("out"), stage.home.path().join("err"));
    let args = [
        "attach",
        "--config=config.toml",
        "--chunk-size=1000000",
        "--state-dir",
        directory,
        "Bericht f.bin",
    ];
    let mut child = stage
        .process(args)
        // The half minute that users have: what is tried here is the promise itself.
        .env_remove("GRAPH_ATTACH_TEST_LAG")
        .stdin(Stdio::null())
        .stdout(File::create(&out).unwrap())
        .stderr(File::create(&err).unwrap())
        .spawn()
        .unwrap();
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        let hangs = started.elapsed() > HANG;
        if hangs || kill.is_some_and(|after| started.elapsed() >= after) {
            child.kill().unwrap();
            let status = child.wait().unwrap();
            assert!(!hangs, "it hangs");
            break status;
        }
        thread::sleep(Duration::from_millis(2));
    };
    let [out, err] = [out, err].map(|path| fs::read_to_string(path).unwrap());
    story.push(format!(
        "$ attach ({directory})\n{out}{err}=> {status} after {:.1} s",
        started.elapsed().as_secs_f64()
    ));
    status.code()
}
