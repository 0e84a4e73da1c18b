//! `completions`: print a completion script.

use super::work::Context;
use crate::{
    cli::{CompletionsArgs, completions},
    exit,
};

pub(super) fn run(args: &CompletionsArgs, context: &Context) -> anyhow::Result<u8> {
    context.printer.raw(&completions::script(args.shell));
    Ok(exit::SUCCESS)
}
