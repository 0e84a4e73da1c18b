//! The process around a command: hardening, runtime, signals, exit code. Decides nothing about uploads.

use std::{ffi::OsString, path::PathBuf, process::ExitCode, sync::Arc};

use clap::Parser;

use crate::{
    args::{Cli, Command, GlobalArgs},
    commands,
    commands::CommandContext,
    report::{self, ExitReport},
    settings::{self, Color, Progress},
    signals,
    signals::Signals,
    terminal,
    terminal::{LogFile, Printer, RequestLog},
};

/// Runs the command line `args` (the program's name first) and returns the process's exit code.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    forbid_core_dumps();
    #[cfg(target_os = "linux")]
    keep_memory_private();
    let given: Vec<OsString> = args.into_iter().collect();
    let cli = match Cli::try_parse_from(&given) {
        Ok(cli) => cli,
        Err(error) => {
            // Help goes to standard output, complaints to standard error; either may be closed.
            let printed = error.print();
            if error.use_stderr() && given.iter().any(|word| word == "--json") {
                tell_program(&error);
            }
            return ExitCode::from(match printed {
                _ if error.use_stderr() => report::USAGE,
                Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => report::FAILURE,
                _ => report::SUCCESS,
            });
        }
    };
    ExitCode::from(run_command(&cli))
}

/// A command line that cannot be read, as a line of JSON. People were told already.
fn tell_program(error: &clap::Error) {
    let text = error.to_string();
    let first = text.lines().next().unwrap_or_default();
    let heading = first.strip_prefix("error: ").unwrap_or(first);
    let options = terminal::Options {
        json: true,
        ..terminal::Options::default()
    };
    let surroundings = terminal::Surroundings::default();
    let streams = terminal::Streams::of_this_process();
    Printer::new(options, &surroundings, streams, Vec::new())
        .json(&ExitReport::usage(heading).json(None));
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
    let (progress, color) = match &settings {
        Ok(settings) => (settings.progress.value, settings.color.value),
        Err(_) => (Progress::None, cli.global.color.unwrap_or_default()),
    };
    let printer = printer(&cli.global, progress, color);
    let result = settings.map_err(ExitReport::from).and_then(|settings| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let settings = observed(settings, cli, &printer)?;
        let context = CommandContext::new(settings, printer.clone());
        let result = runtime.block_on(until_signal(cli, &context));
        // A thread that still hashes a file is not waited for.
        runtime.shutdown_background();
        result
    });
    let code = match result {
        Ok(code) => code,
        Err(report) => {
            printer.failed(&report);
            report.code
        }
    };
    // Results that nobody received are a failure, unless nobody wants them (`| head`).
    match printer.stdout_failed() {
        Some(kind) if kind != std::io::ErrorKind::BrokenPipe => {
            let heading = format!("the results could not be written to standard output: {kind}");
            printer.error(&ExitReport::new(report::FAILURE, "Output", heading));
            code.max(report::FAILURE)
        }
        _ => code,
    }
}

/// The settings with somebody who is told of every request, if anybody wants to know.
fn observed(
    mut settings: settings::Settings,
    cli: &Cli,
    printer: &Printer,
) -> Result<settings::Settings, LogFile> {
    let path = cli.global.log_file.as_deref();
    if path.is_some() || cli.global.verbose > 1 {
        let log = RequestLog::new(printer.clone(), path)?;
        settings.http.observer = Some(Arc::new(log));
    }
    Ok(settings)
}

/// Runs the command, unless a signal ends it first: then says where it stopped, and dies by it.
async fn until_signal(cli: &Cli, context: &CommandContext) -> report::Result<u8> {
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

fn printer(global: &GlobalArgs, progress: Progress, color: Color) -> Printer {
    let options = terminal::Options {
        json: global.json,
        quiet: global.quiet,
        verbose: global.verbose,
        color,
        progress,
    };
    let surroundings = terminal::Surroundings::of_this_process();
    let streams = terminal::Streams::of_this_process();
    Printer::new(options, &surroundings, streams, repeated(global))
}

/// The flags that a next command needs too. What prints a token is left out: it may hold a secret.
fn repeated(global: &GlobalArgs) -> Vec<(&'static str, OsString)> {
    let path = |path: &Option<PathBuf>| path.clone().map(OsString::from);
    let text = |text: &Option<String>| text.clone().map(OsString::from);
    let file = global.token_file.clone();
    let file = file.filter(|file| file.as_os_str() != "-");
    [
        ("--cloud", text(&global.cloud)),
        ("--endpoint", text(&global.endpoint)),
        ("--profile", text(&global.profile)),
        ("--config", path(&global.config)),
        ("--token-file", path(&file)),
        ("--ca-file", path(&global.ca_file)),
        ("--state-dir", path(&global.state_dir)),
        ("--log-file", path(&global.log_file)),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
    .collect()
}

fn flags(cli: &Cli) -> settings::Flags {
    let global = &cli.global;
    let request = cli.command.request();
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
        progress: global.progress,
        color: global.color,
        max_retries: request.and_then(|request| request.max_retries),
        timeout: request.and_then(|request| request.timeout),
        deadline: request.and_then(|request| request.deadline),
        reaches_service: cli.command.reaches_service(),
        creates_profile: cli.command.creates_profile(),
    }
}
