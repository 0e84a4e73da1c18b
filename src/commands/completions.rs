//! `completions`: print a completion script.

use clap::CommandFactory;

use super::work::Context;
use crate::{
    cli::{Cli, CompletionsArgs},
    exit,
};

pub(super) fn run(args: &CompletionsArgs, context: &Context) -> anyhow::Result<u8> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "graph-attach", &mut script);
    context.printer.raw(&String::from_utf8_lossy(&script));
    Ok(exit::SUCCESS)
}
