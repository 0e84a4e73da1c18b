//! Who reads standard input: one thing only, on one command line.

use std::path::{Path, PathBuf};

use super::CommandContext;
use crate::{
    args::ComposeArgs,
    report::{self, ExitReport},
    settings::Credential,
};

/// The options that read standard input, of those that say what a draft is to be.
pub(super) fn readers(compose: &ComposeArgs) -> Vec<&'static str> {
    let options = [
        ("--body-file -", &compose.body_file),
        ("--json-file -", &compose.json_file),
    ];
    let readers = options
        .iter()
        .filter(|(_, path)| path.iter().any(|path| is_stdin(&path)));
    readers.map(|(name, _)| *name).collect()
}

/// Refuses a command line on which several things read standard input.
pub(super) fn one_reader_of_stdin(
    mut readers: Vec<&'static str>,
    context: &CommandContext,
) -> report::Result<()> {
    let token = context.settings.credentials.sources.first();
    if token.is_some_and(|way| way.value == Credential::Stdin) {
        readers.push("--token-file -");
    }
    match readers.as_slice() {
        [] | [_] => Ok(()),
        [first, second, ..] => Err(ExitReport::usage(format!(
            "standard input can be read once only: `{first}` and `{second}` both want it"
        ))),
    }
}

pub(super) fn is_stdin(path: &&PathBuf) -> bool {
    **path == Path::new("-")
}
