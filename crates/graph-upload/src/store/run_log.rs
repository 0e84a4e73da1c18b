//! What a batch did in a run, by the keys of its rows: one line for each step, appended to a file that
//! the processes of a computer share. The last line of a key counts.
//!
//! A line that a killed process left half-written is not valid JSON, and is passed over: the key on the
//! message itself says what became of that row.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, BufRead, BufReader, Write},
    path::PathBuf,
};

use serde::{Deserialize, Serialize};

use super::{
    mail_record::MailProgress,
    private_dir,
    record::FileFingerprint,
    records::{Durability, Store},
};
use crate::Digest;

/// Longest run that is read: 10,000 rows with three lines each are 20 MB.
const LONGEST: u64 = 512 * 1024 * 1024;

/// A file that a row brought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentFile {
    /// What the file system said of it.
    pub stamp: FileFingerprint,
    /// Its content.
    pub sha256: Digest,
}

/// What a run knows of one row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunEntry {
    /// The row's key.
    pub key: String,
    /// How far it is.
    pub progress: MailProgress,
    /// The digest of its recipients, subject and text.
    pub text: Digest,
    /// Its files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<SentFile>,
}

/// A run on disk.
#[derive(Debug)]
pub struct RunLog {
    file: File,
}

impl Store {
    /// The log of a run, and what it knows so far.
    pub fn run_log(
        &self,
        endpoint: &str,
        run: &str,
    ) -> io::Result<(RunLog, HashMap<String, RunEntry>)> {
        let name = serde_json::json!([endpoint, run]).to_string();
        let digest = Digest::of(name.as_bytes()).to_string();
        let path: PathBuf = self.dir().join(format!("run-{}.jsonl", &digest[..32]));
        let file = private_dir::options()
            .read(true)
            .append(true)
            .create(true)
            .open(path)?;
        let entries = read(&file)?;
        Ok((RunLog { file }, entries))
    }
}

fn read(file: &File) -> io::Result<HashMap<String, RunEntry>> {
    let mut entries = HashMap::new();
    let mut reader = BufReader::new(io::Read::take(file, LONGEST));
    let mut line = Vec::new();
    loop {
        line.clear();
        if reader.read_until(b'\n', &mut line)? == 0 {
            return Ok(entries);
        }
        if let Ok(entry) = serde_json::from_slice::<RunEntry>(&line) {
            entries.insert(entry.key.clone(), entry);
        }
    }
}

impl RunLog {
    /// Adds what is known of a row now.
    pub fn add(&self, entry: &RunEntry, durability: Durability) -> io::Result<()> {
        // Begun on a line of its own, whatever a killed process left; in one write, so that lines of
        // several processes do not mix.
        let mut line = vec![b'\n'];
        serde_json::to_writer(&mut line, entry)?;
        line.push(b'\n');
        (&self.file).write_all(&line)?;
        if durability == Durability::Power {
            self.file.sync_data()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::MailState;

    fn entry(key: &str, state: MailState) -> RunEntry {
        RunEntry {
            key: key.to_owned(),
            progress: MailProgress {
                state,
                ..MailProgress::default()
            },
            text: Digest::of(b"text"),
            files: Vec::new(),
        }
    }

    #[test]
    fn the_last_line_of_a_key_counts_and_broken_ones_do_not() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(&home.path().join("state")).unwrap();
        let (log, known) = store.run_log("e", "pay").unwrap();
        assert!(known.is_empty());
        log.add(&entry("a", MailState::Creating), Durability::Power)
            .unwrap();
        log.add(&entry("b", MailState::Creating), Durability::Process)
            .unwrap();
        (&log.file).write_all(b"{\"key\":\"a\",\"progr").unwrap();
        log.add(&entry("a", MailState::Sent), Durability::Process)
            .unwrap();
        drop(log);
        let (_log, known) = store.run_log("e", "pay").unwrap();
        assert_eq!(known["a"], entry("a", MailState::Sent));
        assert_eq!(known["b"], entry("b", MailState::Creating));
        assert!(store.run_log("e", "other").unwrap().1.is_empty());
        assert!(store.run_log("f", "pay").unwrap().1.is_empty());
    }
}
