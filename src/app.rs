//! The process around a command: hardening, runtime, signals, exit code. Decides nothing about uploads.

use std::{ffi::OsString, path::PathBuf, process::ExitCode};

use clap::Parser;

use crate::{
    args::{Cli, ColorChoice, Command, GlobalArgs},
    commands,
    commands::CommandContext,
    report, settings, signals,
    signals::Signals,
    terminal,
    terminal::{Color, Printer},
};

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
                _ if error.use_stderr() => report::USAGE,
                Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => report::FAILURE,
                _ => report::SUCCESS,
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
        Command::Completions(_) => settings::Flags {
            config: Some("/dev/null".into()),
            ..settings::Flags::default()
        },
        _ => flags(cli),
    };
    let settings = settings::load(&flags, &settings::System);
    let progress = match &settings {
        Ok(settings) => settings.progress.value,
        Err(_) => settings::Progress::None,
    };
    let printer = printer(&cli.global, progress);
    let result = settings.map_err(anyhow::Error::from).and_then(|settings| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let context = CommandContext::new(settings, printer.clone());
        let result = runtime.block_on(until_signal(cli, &context));
        // A thread that still hashes a file is not waited for.
        runtime.shutdown_background();
        result
    });
    let code = match result {
        Ok(code) => code,
        Err(error) => {
            let report = report::exit_report(&error);
            printer.error(&report.problem);
            report.code
        }
    };
    // Results that nobody received are a failure, unless nobody wants them (`| head`).
    match printer.stdout_failed() {
        Some(kind) if kind != std::io::ErrorKind::BrokenPipe => {
            printer.error(&report::unwritten(kind));
            code.max(report::FAILURE)
        }
        _ => code,
    }
}

/// Runs the command, unless a signal ends it first: then says where it stopped, and dies by it.
async fn until_signal(cli: &Cli, context: &CommandContext) -> anyhow::Result<u8> {
    let mut signals = match &cli.command {
        command if command.handles_signals() => return commands::run(command, context).await,
        _ => Signals::listen()?,
    };
    tokio::select! {
        result = commands::run(&cli.command, context) => result,
        signal = signals.next() => {
            let code = 128_u8.saturating_add(u8::try_from(signal).unwrap_or_default());
            commands::interrupted(context, code);
            signals::reraise(signal);
            Ok(code)
        }
    }
}

fn printer(global: &GlobalArgs, progress: settings::Progress) -> Printer {
    let options = terminal::Options {
        json: global.json,
        quiet: global.quiet,
        verbose: global.verbose,
        color: match global.color {
            ColorChoice::Auto => Color::Auto,
            ColorChoice::Always => Color::Always,
            ColorChoice::Never => Color::Never,
        },
        progress: match progress {
            settings::Progress::Auto => terminal::Progress::Auto,
            settings::Progress::Bar => terminal::Progress::Bar,
            settings::Progress::Plain => terminal::Progress::Plain,
            settings::Progress::Json => terminal::Progress::Json,
            settings::Progress::None => terminal::Progress::None,
        },
    };
    let surroundings = terminal::Surroundings::of_this_process();
    let streams = terminal::Streams::of_this_process();
    Printer::with_flags(options, &surroundings, streams, repeated(global))
}

/// The flags that a next command needs too. What prints a token is left out: it may hold a secret.
fn repeated(global: &GlobalArgs) -> Vec<terminal::Flag> {
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
    .filter_map(|(name, value)| Some((name, format!("{name} {}", report::shell(&value?)))))
    .collect()
}

fn flags(cli: &Cli) -> settings::Flags {
    let global = &cli.global;
    settings::Flags {
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
        creates_profile: cli.command.creates_profile(),
    }
}
