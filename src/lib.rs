//! graph-attach: files of up to 150 MB onto Outlook messages and events, through Microsoft Graph.
//!
//! # The map
//!
//! ```text
//! main → lib::run → commands → upload → graph        config   auth   session
//!                       └────→ output (renders upload::Event)
//! ```
//!
//! * [`upload`] is what the project exists for: a pure machine that decides every step of an upload,
//!   and the thin shell that executes the steps. To follow one range from disk to `Location`, read
//!   `upload::transfer::range` from `put` on.
//! * [`graph`] speaks HTTP, through two clients: one that owns the token and knows only Graph, and
//!   one for upload URLs, where no token type is in scope.
//! * [`session`] keeps uploads on disk, so that another process can go on with them.
//! * [`web`] is what every HTTP client here has in common: where it may go, and what it never does.
//! * [`auth`] gets tokens; [`config`] decides settings, each of which remembers where it came from.
//! * `commands` has one verb per file; `cli` is the command line and nothing else; `exit` turns an
//!   error into a code, a sentence and the next command to run.
//! * [`output`] is the only code that prints.
//! * `graph_sandbox`, a crate of its own, is a stand-in for the service. Only its verb knows it, and it
//!   shares no code with the uploader, so that the two cannot agree on a mistake.
//!
//! Decisions are pure functions of state, observation and clock; I/O executes them.

pub mod auth;
pub mod cli;
mod commands;
pub mod config;
pub mod exit;
pub mod output;
mod signals;

pub use graph_upload::{digest, store as session};

/// The client of the service.
pub mod graph {
    pub use graph_upload::{
        Attachment, Error, ErrorKind as Kind, Item, ItemKind, UploadUrl,
        client::{
            Address, AttachmentInfo as Listed, Body, Collection as Where, Created, Draft,
            GraphClient, ItemInfo as Found, ItemSummary as Entry, Limits, Meter, PutReply,
            Transport, UploadClient, location, retry_after, wire,
        },
        item,
    };
    /// Errors of one request.
    pub mod error {
        pub use graph_upload::{Error, ErrorKind as Kind, Host as Side};
    }
    /// Where the next byte is expected.
    pub mod ranges {
        pub use graph_upload::{ExpectedOffset as Next, next_expected};
    }
}

/// The upload engine.
pub mod upload {
    pub use graph_upload::{
        engine::{
            Cause, Earlier, Event, Failure, Job, MailboxPacer as Account, Observe, Outcome,
            Services, Source, SourceError, VOLUME_LIMIT, VOLUME_WINDOW, attach,
        },
        protocol::{
            backoff::{self as retry, MAX_RETRIES},
            plan::{self, Route},
            step::{self, Limits},
        },
    };
}

use std::{ffi::OsString, path::PathBuf, process::ExitCode};

use clap::Parser;

use cli::{Cli, ColorChoice, Command, GlobalArgs};
use commands::Context;
use output::{Color, Printer};
use signals::Signals;

/// Runs the command line `args` (the program's name first) and returns the process's exit code.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    forbid_core_dumps();
    #[cfg(target_os = "linux")]
    keep_memory_private();
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            // Help goes to standard output, complaints to standard error; either may be closed.
            let printed = error.print();
            return ExitCode::from(match printed {
                _ if error.use_stderr() => exit::USAGE,
                Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => exit::FAILURE,
                _ => exit::SUCCESS,
            });
        }
    };
    ExitCode::from(run_command(&cli))
}

/// A core dump would hold the token. The hard limit stays, for commands that this one runs and that
/// want dumps of their own.
fn forbid_core_dumps() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let maximum = getrlimit(Resource::Core).maximum;
    // Lowering the soft limit is always allowed; where it should not be, dumps stay as they were.
    let _ = setrlimit(
        Resource::Core,
        Rlimit {
            current: Some(0),
            maximum,
        },
    );
}

/// The limit is none where dumps are piped to a program, and other processes of the same user could read
/// the memory without a dump: the kernel has a switch against both, which it resets for commands that
/// this one runs. A debugger that started this program sees everything anyway, and needs it off.
#[cfg(target_os = "linux")]
fn keep_memory_private() {
    use rustix::process::{DumpableBehavior, set_dumpable_behavior};
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let tracer = status
        .lines()
        .find_map(|line| line.strip_prefix("TracerPid:"));
    if tracer.is_none_or(|pid| pid.trim() == "0") {
        // Where it should not be allowed, the limit remains.
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}

fn run_command(cli: &Cli) -> u8 {
    // A shell that starts reads completions, whatever stands in a configuration file.
    let flags = match &cli.command {
        Command::Completions(_) => config::Flags {
            config: Some("/dev/null".into()),
            ..config::Flags::default()
        },
        _ => flags(cli),
    };
    let settings = config::load(&flags, &config::System);
    let progress = match &settings {
        Ok(settings) => settings.progress.value,
        Err(_) => config::Progress::None,
    };
    let printer = printer(&cli.global, progress);
    let result = settings.map_err(anyhow::Error::from).and_then(|settings| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let context = Context::new(settings, printer.clone());
        let result = runtime.block_on(until_signal(cli, &context));
        // A thread that still hashes a file is not waited for.
        runtime.shutdown_background();
        result
    });
    let code = match result {
        Ok(code) => code,
        Err(error) => {
            let verdict = exit::verdict(&error);
            printer.error(&verdict.problem);
            verdict.code
        }
    };
    // Results that nobody received are a failure, unless nobody wants them (`| head`).
    match printer.stdout_failed() {
        Some(kind) if kind != std::io::ErrorKind::BrokenPipe => {
            printer.error(&exit::unwritten(kind));
            code.max(exit::FAILURE)
        }
        _ => code,
    }
}

/// Runs the command, unless a signal ends it first: then says where it stopped, and dies by it.
async fn until_signal(cli: &Cli, context: &Context) -> anyhow::Result<u8> {
    let mut signals = match &cli.command {
        command if command.handles_signals() => return commands::run(command, context).await,
        _ => Signals::listen()?,
    };
    tokio::select! {
        result = commands::run(&cli.command, context) => result,
        signal = signals.next() => {
            let code = 128_u8.saturating_add(u8::try_from(signal).unwrap_or_default());
            commands::interrupted(context, code);
            signals::die(signal);
            Ok(code)
        }
    }
}

fn printer(global: &GlobalArgs, progress: config::Progress) -> Printer {
    let options = output::Options {
        json: global.json,
        quiet: global.quiet,
        verbose: global.verbose,
        color: match global.color {
            ColorChoice::Auto => Color::Auto,
            ColorChoice::Always => Color::Always,
            ColorChoice::Never => Color::Never,
        },
        progress: match progress {
            config::Progress::Auto => output::Progress::Auto,
            config::Progress::Bar => output::Progress::Bar,
            config::Progress::Plain => output::Progress::Plain,
            config::Progress::Json => output::Progress::Json,
            config::Progress::None => output::Progress::None,
        },
    };
    let surroundings = output::Surroundings::of_this_process();
    let streams = output::Streams::of_this_process();
    Printer::with_flags(options, &surroundings, streams, repeated(global))
}

/// The flags that a next command needs too. What prints a token is left out: it may hold a secret.
fn repeated(global: &GlobalArgs) -> Vec<output::Flag> {
    let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
    let file = global.token_file.clone();
    let file = file.filter(|file| file.as_os_str() != "-");
    [
        ("--cloud", global.cloud.clone()),
        ("--endpoint", global.endpoint.clone()),
        ("--profile", global.profile.clone()),
        ("--config", path(&global.config)),
        ("--token-file", path(&file)),
        ("--ca-file", path(&global.ca_file)),
        ("--state-dir", path(&global.state_dir)),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, format!("{name} {}", exit::shell(&value?)))))
    .collect()
}

fn flags(cli: &Cli) -> config::Flags {
    let global = &cli.global;
    config::Flags {
        cloud: global.cloud.clone(),
        endpoint: global.endpoint.clone(),
        login_url: cli.command.login_url().map(str::to_owned),
        profile: global.profile.clone(),
        config: global.config.clone(),
        state_dir: global.state_dir.clone(),
        ca_file: global.ca_file.clone(),
        mailbox: cli.command.mailbox().map(str::to_owned),
        token_file: global.token_file.clone(),
        token_command: global.token_command.clone(),
        progress: global.progress.map(|progress| progress.name().to_owned()),
    }
}
