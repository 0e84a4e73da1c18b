//! `graph-sandbox`: the stand-in as a program of its own. Parses and calls the library; nothing else.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::Parser;
use graph_sandbox::{
    args::SandboxArgs,
    run::{Surroundings, run},
};

#[derive(Debug, Parser)]
#[command(
    name = "graph-sandbox",
    version,
    about = ABOUT,
    long_about = LONG_ABOUT,
    max_term_width = 100
)]
struct Cli {
    #[command(flatten)]
    args: SandboxArgs,
}

const ABOUT: &str = "Run a stand-in for Microsoft Graph's mail and attachments on this computer";

const LONG_ABOUT: &str = "\
Examples:
  graph-sandbox -- pytest
  graph-sandbox --port 8080
  graph-sandbox --fault put@2=reset:1000000 -- node upload.js

Run a stand-in for the parts of Microsoft Graph and Outlook that mail, calendars and attachments \
need, on loopback, with no account.

Prints the environment that points a client at it, one NAME=value a line, and serves until it is \
ended. With a command, runs that in this environment, says what each item now holds, and exits with \
the command's status.";

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let result = match runtime {
        Ok(runtime) => {
            let (mut out, mut err) = (io::stdout(), io::stderr());
            let run = run(&cli.args, Surroundings::default(), &mut out, &mut err);
            runtime.block_on(run).map_err(|error| {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                match cause {
                    Some(cause) => format!("{error}: {cause}"),
                    None => error.to_string(),
                }
            })
        }
        Err(error) => Err(format!("cannot start: {error}")),
    };
    match result {
        Ok(status) => ExitCode::from(u8::try_from(status).unwrap_or(u8::MAX)),
        Err(message) => {
            // Whoever closed standard error does not want to know.
            let _ = writeln!(io::stderr(), "error: {message}");
            ExitCode::FAILURE
        }
    }
}
