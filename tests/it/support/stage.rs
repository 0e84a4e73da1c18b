//! The binary as its users run it, against a stand-in of its own, in a home of its own.

use std::{
    ffi::OsStr,
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::Output,
    sync::mpsc,
    thread,
};

use graph_attach::digest::Digest;
use graph_sandbox::{HeldFile, Options, Sandbox, Seen};
use serde_json::Value;

/// The binary under test.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_graph-attach");

/// A stand-in and a home directory.
pub(crate) struct Stage {
    pub(crate) sandbox: Sandbox,
    pub(crate) home: tempfile::TempDir,
    /// Ends the stand-in's thread when it is dropped.
    _stop: mpsc::Sender<()>,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Stage::with(Options::default())
    }

    pub(crate) fn with_faults(faults: &[&str]) -> Self {
        let faults = faults
            .iter()
            .map(|fault| fault.parse().expect("a fault"))
            .collect();
        Stage::with(Options {
            faults,
            ..Options::default()
        })
    }

    pub(crate) fn with(options: Options) -> Self {
        let (give, take) = mpsc::channel();
        let (stop, stopped) = mpsc::channel::<()>();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                give.send(Sandbox::start(options).await.expect("the stand-in starts"))
                    .unwrap();
                let gone = tokio::task::spawn_blocking(move || stopped.recv());
                let _ = gone.await;
            });
        });
        let home = tempfile::tempdir().unwrap();
        Stage {
            sandbox: take.recv().expect("the stand-in started"),
            home,
            _stop: stop,
        }
    }

    /// The binary with these arguments, in a clean environment that points at the stand-in.
    pub(crate) fn command<A: AsRef<OsStr>>(
        &self,
        args: impl IntoIterator<Item = A>,
    ) -> assert_cmd::Command {
        let mut command = assert_cmd::Command::new(BINARY);
        command.args(args).env_clear().current_dir(self.home.path());
        for (name, value) in self.environment() {
            command.env(name, value);
        }
        command
    }

    /// The same as a plain process, for tests that kill it.
    pub(crate) fn process<A: AsRef<OsStr>>(
        &self,
        args: impl IntoIterator<Item = A>,
    ) -> std::process::Command {
        let mut command = std::process::Command::new(BINARY);
        command.args(args).env_clear().current_dir(self.home.path());
        command.envs(self.environment());
        command
    }

    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        let mut all = self.sandbox.variables();
        // Many tests name another endpoint on purpose; those of the refusal set it themselves.
        all.retain(|(name, _)| *name != "GRAPH_ATTACH_SANDBOX");
        all.push(("HOME", self.home.path().to_string_lossy().into_owned()));
        all.push(("PATH", std::env::var("PATH").unwrap_or_default()));
        all
    }

    /// Runs the binary to its end.
    pub(crate) fn run<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Run {
        Run::of(self.command(args).output().expect("it runs"))
    }

    /// A file in the home directory, with content that its name and size determine.
    pub(crate) fn file(&self, name: &str, size: usize) -> PathBuf {
        let path = self.home.path().join(name);
        fs::write(&path, content(name, size)).unwrap();
        path
    }

    /// What the first message holds.
    pub(crate) fn held(&self) -> Vec<HeldFile> {
        self.held_by(self.sandbox.message())
    }

    pub(crate) fn held_by(&self, id: &str) -> Vec<HeldFile> {
        let items = self.sandbox.items();
        items
            .into_iter()
            .find(|item| item.id == id)
            .expect("the item")
            .attachments
    }

    /// The requests so far whose method is `method`.
    pub(crate) fn requests(&self, method: &str) -> Vec<Seen> {
        self.sandbox
            .requests()
            .into_iter()
            .filter(|seen| seen.method == method)
            .collect()
    }

    /// What the Graph host answers to a GET that must succeed.
    pub(crate) fn graph(&self, path: &str) -> Value {
        serde_json::from_slice(&self.ask(reqwest::Method::GET, path)).expect("JSON")
    }

    /// Deletes what is at a path of the Graph host, as somebody else would.
    pub(crate) fn delete(&self, path: &str) {
        self.ask(reqwest::Method::DELETE, path);
    }

    fn ask(&self, method: reqwest::Method, path: &str) -> Vec<u8> {
        let url = format!("{}{path}", self.sandbox.endpoint());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let client = reqwest::Client::builder().no_proxy().build().unwrap();
            let request = client
                .request(method, url)
                .bearer_auth(self.sandbox.token());
            let answer = request.send().await.expect("an answer");
            assert!(answer.status().is_success(), "{path}: {}", answer.status());
            answer.bytes().await.expect("a body").to_vec()
        })
    }

    pub(crate) fn state_dir(&self) -> PathBuf {
        self.home.path().join(".local/state/graph-attach")
    }

    /// The one session file.
    pub(crate) fn session_file(&self) -> PathBuf {
        let files: Vec<PathBuf> = fs::read_dir(self.state_dir())
            .expect("a state directory")
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension() == Some(OsStr::new("json")))
            .collect();
        assert_eq!(files.len(), 1, "{files:?}");
        files.into_iter().next().unwrap()
    }

    /// The id of the one session.
    pub(crate) fn session(&self) -> String {
        self.session_file()
            .file_stem()
            .unwrap()
            .to_string_lossy()
            .into_owned()
    }
}

/// Content that no two names share, and in which no two blocks are alike.
pub(crate) fn content(name: &str, size: usize) -> Vec<u8> {
    let seed = name.bytes().fold(size as u64, |seed, byte| {
        seed.wrapping_mul(31) + u64::from(byte)
    });
    let mut bytes = vec![0; size];
    fastrand::Rng::with_seed(seed).fill(&mut bytes);
    bytes
}

/// SHA-256 of a file, in hexadecimal.
pub(crate) fn sha256(path: &Path) -> String {
    Digest::of(&fs::read(path).unwrap()).to_string()
}

/// How the binary ended, and what it said.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    pub(crate) fn of(output: Output) -> Self {
        Run {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("text"),
            stderr: String::from_utf8(output.stderr).expect("text"),
        }
    }

    /// Asserts the exit code.
    #[track_caller]
    pub(crate) fn code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    /// Asserts that standard error says something.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "`{text}` is missing: {self:#?}");
        self
    }

    /// The one line of standard output.
    #[track_caller]
    pub(crate) fn id(&self) -> &str {
        assert_eq!(self.stdout.lines().count(), 1, "{self:#?}");
        self.stdout.trim_end()
    }

    /// Standard output as JSON Lines.
    #[track_caller]
    pub(crate) fn json(&self) -> Vec<Value> {
        self.stdout
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect()
    }
}

/// Prints one line of the table in `docs/reliability.md`, for the script beside it.
#[expect(
    clippy::print_stdout,
    reason = "the test harness shows it to whoever asks"
)]
pub(crate) fn figure(what: &str, reached: usize, of: usize, details: &str) {
    println!("figure: {what} | {reached} of {of} | {details}");
}

/// Whether a tool that some tests need is there. If not, says so past the test harness, which would
/// keep it to itself; the gate fails then.
pub(crate) fn has(tool: &str, what: &str) -> bool {
    let found = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
        .any(|directory| directory.join(tool).is_file());
    if !found {
        not_tried(&format!("{what}: {tool} is not installed"));
    }
    found
}

/// Says that something was not tried.
pub(crate) fn not_tried(what: &str) {
    let _ = writeln!(std::io::stderr(), "\n*** NOT TRIED: {what} ***");
}
