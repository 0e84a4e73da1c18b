//! The file changes under the upload: whatever the way and the moment, other bytes than those that it
//! had when the command started are never attached; the same bytes always are.

use std::{
    fs::{self, File},
    io::{Seek, SeekFrom, Write},
    path::Path,
    process::{Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use graph_attach::session::Record;

use crate::support::{Run, Stage, content, figure};

/// Three ranges.
const LARGE: usize = 3_000_000;
/// One POST.
const SMALL: usize = 100_000;

/// What happens to a file at `path`; `seed` varies where.
type Way = fn(path: &Path, seed: u64);

/// Ways after which it is not the file any more.
const CHANGES: [(&str, Way); 12] = [
    ("grown", |path, seed| {
        append(path, &content("more", 1 + seed as usize * 1_000));
    }),
    ("shrunk", |path, seed| {
        let file = File::options().write(true).open(path).unwrap();
        let size = file.metadata().unwrap().len();
        file.set_len(size - 1 - seed * 100).unwrap();
    }),
    ("emptied", |path, _| {
        File::options()
            .write(true)
            .truncate(true)
            .open(path)
            .unwrap();
    }),
    ("one byte longer", |path, _| append(path, b"!")),
    ("edited, size and time kept", |path, seed| {
        let modified = fs::metadata(path).unwrap().modified().unwrap();
        flip(path, seed * 1_999);
        let file = File::options().write(true).open(path).unwrap();
        file.set_modified(modified).unwrap();
    }),
    ("edited in the part that was sent", |path, seed| {
        flip(path, 10 + seed * 1_000);
    }),
    ("edited in the part that was not sent", |path, seed| {
        flip(path, fs::metadata(path).unwrap().len() - 1 - seed * 1_000);
    }),
    ("replaced by another of its size", |path, seed| {
        let other = path.with_extension("other");
        let size = fs::metadata(path).unwrap().len();
        fs::write(&other, content(&format!("other {seed}"), size as usize)).unwrap();
        fs::rename(other, path).unwrap();
    }),
    ("deleted", |path, _| fs::remove_file(path).unwrap()),
    ("replaced by a directory", |path, _| {
        fs::remove_file(path).unwrap();
        fs::create_dir(path).unwrap();
    }),
    ("replaced by a pipe", |path, _| {
        fs::remove_file(path).unwrap();
        assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    }),
    ("replaced by a link to another", |path, seed| {
        let other = path.with_extension("other");
        let size = fs::metadata(path).unwrap().len();
        fs::write(&other, content(&format!("link {seed}"), size as usize)).unwrap();
        fs::remove_file(path).unwrap();
        std::os::unix::fs::symlink(other, path).unwrap();
    }),
];

/// Ways after which it still is.
const NO_CHANGES: [(&str, Way); 5] = [
    ("touched", |path, _| {
        let file = File::options().write(true).open(path).unwrap();
        file.set_modified(std::time::SystemTime::now()).unwrap();
    }),
    ("dated back a year", |path, _| {
        let file = File::options().write(true).open(path).unwrap();
        let year = Duration::from_secs(31_536_000);
        file.set_modified(std::time::SystemTime::now() - year)
            .unwrap();
    }),
    ("replaced by an equal copy", |path, _| {
        let copy = path.with_extension("copy");
        fs::copy(path, &copy).unwrap();
        fs::rename(copy, path).unwrap();
    }),
    ("moved away and back", |path, _| {
        let away = path.with_extension("away");
        fs::rename(path, &away).unwrap();
        fs::rename(away, path).unwrap();
    }),
    ("written again as it was", |path, _| {
        let bytes = fs::read(path).unwrap();
        fs::write(path, bytes).unwrap();
    }),
];

fn append(path: &Path, bytes: &[u8]) {
    let mut file = File::options().append(true).open(path).unwrap();
    file.write_all(bytes).unwrap();
}

/// Changes one byte in place.
fn flip(path: &Path, at: u64) {
    let byte = fs::read(path).unwrap()[at as usize];
    let mut file = File::options().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(at)).unwrap();
    file.write_all(&[!byte]).unwrap();
}

/// When it happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    /// The command has begun, and waits for the list of attachments.
    Listing,
    /// The first range is on its way.
    Sending,
    /// The same, and by now the command knows what the file was when it started.
    Hashed,
    /// `attach` gave up, `resume` follows.
    Between,
    /// `attach` was killed, `resume` follows.
    Killed,
    /// The POST failed, and is about to be sent again.
    Reposting,
}

const SESSION_MOMENTS: [Moment; 4] = [
    Moment::Listing,
    Moment::Sending,
    Moment::Between,
    Moment::Killed,
];
const POST_MOMENTS: [Moment; 2] = [Moment::Listing, Moment::Reposting];

impl Moment {
    fn faults(self) -> &'static [&'static str] {
        match self {
            Moment::Listing => &["list@1=stall:1"],
            Moment::Sending => &["put@1=stall:1"],
            Moment::Hashed => &["put@1=stall:5"],
            Moment::Between => &["put@2=503"],
            Moment::Killed => &["put@2=stall:60"],
            Moment::Reposting => &["post@1=503"],
        }
    }

    /// Whether it has come.
    fn is_now(self, stage: &Stage) -> bool {
        match self {
            Moment::Listing => !stage.requests("GET").is_empty(),
            Moment::Sending => !stage.requests("PUT").is_empty(),
            Moment::Hashed => stage.requests("PUT").len() == 1 && record(stage).sha256.is_some(),
            // What `resume` needs in order to tell a touched file from a changed one.
            Moment::Killed => stage.requests("PUT").len() == 2 && record(stage).sha256.is_some(),
            Moment::Reposting => {
                let posts = stage.requests("POST");
                posts.first().is_some_and(|post| post.status.is_some())
            }
            Moment::Between => true,
        }
    }
}

fn record(stage: &Stage) -> Record {
    Record::from_json(&fs::read(stage.session_file()).unwrap()).unwrap()
}

/// Attaches a file of `size` bytes, to which `way` happens at `moment`.
fn attach(size: usize, moment: Moment, way: Way, seed: u64) -> (Stage, Run) {
    let stage = Stage::with_faults(moment.faults());
    let file = stage.file("f.bin", size);
    let mut args = vec!["attach", "--chunk-size", "1MiB", "f.bin"];
    if moment == Moment::Between {
        args.extend(["--max-retries", "0"]);
    }
    let mut child = stage
        .process(&args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    if moment == Moment::Between {
        assert_eq!(child.wait().unwrap().code(), Some(5));
    } else {
        let started = Instant::now();
        while !moment.is_now(&stage) {
            assert!(started.elapsed() < Duration::from_secs(60), "{moment:?}");
            thread::sleep(Duration::from_millis(2));
        }
    }
    if moment == Moment::Killed {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    way(&file, seed);
    let run = match moment {
        Moment::Between | Moment::Killed => stage.run(["resume"]),
        _ => Run::of(child.wait_with_output().unwrap()),
    };
    (stage, run)
}

/// Runs `work` for each number below `count`, many at a time: most of the time they wait.
fn many(count: usize, work: impl Fn(usize) -> Result<(), String> + Sync) {
    let (turn, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..32 {
            scope.spawn(|| {
                loop {
                    let number = turn.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return;
                    }
                    if let Err(what) = work(number) {
                        wrong.lock().unwrap().push(what);
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(
        wrong.is_empty(),
        "{} of {count}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// The size and the moment of one of fifty tries: 40 through a session, 10 in one POST.
fn try_of(number: usize) -> (usize, Moment) {
    if number < 40 {
        (LARGE, SESSION_MOMENTS[number % SESSION_MOMENTS.len()])
    } else {
        (SMALL, POST_MOMENTS[number % POST_MOMENTS.len()])
    }
}

#[test]
fn a_changed_file_is_never_attached() {
    const TRIES: usize = 50;
    many(CHANGES.len() * TRIES, |number| {
        let (name, way) = CHANGES[number / TRIES];
        let (size, moment) = try_of(number % TRIES);
        let (stage, run) = attach(size, moment, way, (number % TRIES) as u64);
        let path = stage.home.path().join("f.bin");
        let is_file = fs::metadata(&path).is_ok_and(|metadata| metadata.is_file());
        assert!(
            !is_file || fs::read(&path).unwrap() != content("f.bin", size),
            "`{name}` changes nothing"
        );
        let told = || format!("{name}, {moment:?}, {number}: {run:#?}");
        if run.code != Some(8) || !run.stdout.is_empty() || !stage.held().is_empty() {
            return Err(format!("{} attached, {}", stage.held().len(), told()));
        }
        Ok(())
    });
    let tries = CHANGES.len() * TRIES;
    let ways = format!("{} ways, before, during and between; exit 8", CHANGES.len());
    figure("file changed, never attached", tries, tries, &ways);
}

#[test]
fn a_file_that_is_the_same_is_attached_whatever_was_done_to_it() {
    let moments: Vec<(usize, Moment)> = SESSION_MOMENTS
        .iter()
        .map(|moment| (LARGE, *moment))
        .chain(POST_MOMENTS.iter().map(|moment| (SMALL, *moment)))
        .collect();
    // While it is hashed for the first time, nobody can say what it was when the command started.
    let settled = |moment: Moment| moment != Moment::Listing;
    let moments: Vec<_> = moments
        .into_iter()
        .filter(|(_, moment)| settled(*moment))
        .collect();
    many(NO_CHANGES.len() * moments.len(), |number| {
        let (name, way) = NO_CHANGES[number / moments.len()];
        let (size, mut moment) = moments[number % moments.len()];
        if moment == Moment::Sending {
            moment = Moment::Hashed;
        }
        let (stage, run) = attach(size, moment, way, 0);
        let held = stage.held();
        let right = graph_attach::digest::Digest::of(&content("f.bin", size)).to_string();
        if run.code != Some(0) || held.len() != 1 || held[0].sha256 != right {
            return Err(format!("{name}, {moment:?}: {run:#?}"));
        }
        Ok(())
    });
}

#[test]
fn a_file_that_comes_back_is_resumed() {
    for way in ["deleted", "replaced by a directory", "replaced by a pipe"] {
        let (_, way) = CHANGES.iter().find(|(name, _)| *name == way).unwrap();
        let (stage, run) = attach(LARGE, Moment::Between, *way, 0);
        run.code(8);
        let path = stage.home.path().join("f.bin");
        let _ = fs::remove_dir(&path);
        let _ = fs::remove_file(&path);
        stage.file("f.bin", LARGE);
        let run = stage.run(["resume", "--json"]).code(0);
        assert_eq!(run.json()[0]["resumed"], true);
        assert_eq!(stage.held().len(), 1);
    }
}

#[test]
fn a_changed_file_is_attached_anew_by_attach() {
    let stage = Stage::with_faults(&["put@2=503"]);
    let file = stage.file("f.bin", LARGE);
    let args = ["attach", "--chunk-size", "1MiB", "f.bin"];
    stage
        .run(args.into_iter().chain(["--max-retries", "0"]))
        .code(5);
    flip(&file, 5);
    stage.run(args).code(0);
    let held = stage.held();
    assert_eq!(held.len(), 1);
    assert_eq!(held[0].sha256, crate::support::sha256(&file));
    stage.run(["resume"]).code(0).says("no upload to resume");
}

#[test]
fn standard_input_ends_where_its_producer_ends() {
    // The end of a pipe looks the same whether its producer was done or was killed: what came is the
    // file. `set -o pipefail` is what tells a script.
    let stage = Stage::new();
    let mut child = stage
        .process(["attach", "--name", "cut.bin", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut producer = Command::new("sh")
        .args(["-c", "head -c 5000 /dev/zero; kill -9 $$"])
        .stdout(child.stdin.take().unwrap())
        .spawn()
        .unwrap();
    assert!(!producer.wait().unwrap().success());
    Run::of(child.wait_with_output().unwrap()).code(0);
    assert_eq!(stage.held()[0].size, 5_000);
}

#[test]
fn standard_input_that_fails_is_not_attached() {
    let stage = Stage::new();
    // A directory can be opened, and not be read.
    let mut command = stage.process(["attach", "--name", "cut.bin", "-"]);
    command.stdin(fs::File::open(stage.home.path()).unwrap());
    Run::of(command.output().unwrap()).code(8).says("error: ");
    assert!(stage.held().is_empty());
    assert_eq!(fs::read_dir(stage.state_dir()).unwrap().count(), 0);
}

#[test]
fn what_was_kept_of_standard_input_must_be_whole() {
    for change in [
        (|spool| {
            fs::OpenOptions::new()
                .write(true)
                .open(spool)
                .unwrap()
                .set_len(4_000_000)
                .unwrap()
        }) as fn(&Path),
        |spool| {
            let mut content = fs::read(spool).unwrap();
            content[4_500_000] ^= 1;
            fs::write(spool, content).unwrap();
        },
        |spool| fs::remove_file(spool).unwrap(),
    ] {
        let stage = Stage::with_faults(&["put@2=503"]);
        let input = stage.file("input", 5_000_000);
        let stop = ["attach", "--max-retries=0", "--name=n", "-"];
        let mut command = stage.process(stop);
        command.stdin(fs::File::open(input).unwrap());
        Run::of(command.output().unwrap()).code(5);
        let spool = stage.session_file().with_extension("spool");
        change(&spool);
        stage.run(["resume"]).code(8).says("error: ");
        assert!(stage.held().is_empty());
    }
}

#[test]
fn standard_input_over_the_limit_is_refused() {
    let stage = Stage::new();
    let mut child = stage
        .process(["attach", "--name", "big.bin", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let block = vec![7; 1024 * 1024];
    // It is not read to its end, which may never come.
    let endless = (0..10_000).all(|_| input.write_all(&block).is_ok());
    assert!(!endless);
    let run = Run::of(child.wait_with_output().unwrap());
    run.code(8).says("150 MB");
    assert!(stage.held().is_empty());
    let left = fs::read_dir(stage.state_dir()).unwrap().count();
    assert_eq!(left, 0, "its spool is gone");
}
