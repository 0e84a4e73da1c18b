//! `completions`: print a completion script.

use super::context::CommandContext;
use crate::{
    args::{CompletionsArgs, completions},
    report,
};

pub(super) fn run(args: &CompletionsArgs, context: &CommandContext) -> report::Result<u8> {
    context.printer.raw(&completions::script(args.shell));
    Ok(report::SUCCESS)
}
