//! The variables for a client: as lines, and in a file.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use crate::Sandbox;

/// The variables, one `NAME=value` a line.
pub(super) fn lines(sandbox: &Sandbox) -> String {
    let variables = sandbox.variables().into_iter();
    variables
        .map(|(name, value)| format!("{name}={value}\n"))
        .collect()
}

/// The variables in a file that is there whole or not at all, and gone when this is dropped.
pub(super) struct EnvFile(PathBuf);

impl EnvFile {
    pub(super) fn write(file: &Path, sandbox: &Sandbox) -> io::Result<Self> {
        let folder = match file.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        // Readable by its owner only: it holds the token.
        let mut whole = tempfile::NamedTempFile::new_in(folder)?;
        whole.write_all(lines(sandbox).as_bytes())?;
        whole.flush()?;
        whole.persist(file)?;
        Ok(EnvFile(file.to_owned()))
    }
}

impl Drop for EnvFile {
    fn drop(&mut self) {
        // Someone else may have removed it.
        let _ = std::fs::remove_file(&self.0);
    }
}
