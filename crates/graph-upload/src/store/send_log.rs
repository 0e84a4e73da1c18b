//! When a message was first tried to be sent, for as long as it is not known what came of it.
//!
//! Written before the request goes out and removed once its outcome is known, so that whoever tries
//! again, after a kill too, looks first and waits until the service must have decided.

use std::{
    fs, io,
    io::Write,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{item_key::ItemKey, private_dir};

/// Longest file that is read.
const LONGEST: u64 = 4 * 1024;

/// The note about one message.
#[derive(Debug, Clone)]
pub struct SendLog {
    path: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Note {
    first_try: Timestamp,
}

impl SendLog {
    /// The note about the message `key`, in a checked directory. The key is that of its immutable id:
    /// the ordinary one changes when it is sent.
    pub fn new(directory: &Path, key: &ItemKey) -> Self {
        SendLog {
            path: directory.join(key.file_name("send", "json")),
        }
    }

    /// When it was first tried, if what came of that is not known. A note that cannot be read is of its
    /// file's time: somebody tried.
    pub fn first_try(&self) -> io::Result<Option<Timestamp>> {
        let file = match private_dir::options().read(true).open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let written = file.metadata()?.modified()?;
        let text = io::read_to_string(io::Read::take(file, LONGEST))?;
        let note: Option<Note> = serde_json::from_str(&text).ok();
        let written = Timestamp::try_from(written).unwrap_or_else(|_| Timestamp::now());
        Ok(Some(note.map_or(written, |note| note.first_try)))
    }

    /// Notes that it is tried now; survives a power cut.
    pub fn begin(&self, now: Timestamp) -> io::Result<()> {
        let directory = self.path.parent().unwrap_or(Path::new("."));
        let mut file = tempfile::Builder::new()
            .prefix(".tmp-")
            .tempfile_in(directory)?;
        let note = serde_json::to_vec(&Note { first_try: now })?;
        file.write_all(&note)?;
        file.as_file().sync_data()?;
        file.persist(&self.path).map_err(|error| error.error)?;
        private_dir::sync(directory)
    }

    /// What came of it is known.
    pub fn over(&self) {
        // One that stays costs a look, and a minute if it is young.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Item, ItemKind};

    #[test]
    fn it_remembers_until_the_outcome_is_known() {
        let home = tempfile::tempdir().unwrap();
        let item = Item {
            kind: ItemKind::Message,
            id: "AAkALgA=".into(),
            mailbox: None,
        };
        let key = ItemKey::new("https://graph.microsoft.com/v1.0", &item);
        let log = SendLog::new(home.path(), &key);
        assert_eq!(log.first_try().unwrap(), None);
        let at: Timestamp = "2026-11-27T12:00:00Z".parse().unwrap();
        log.begin(at).unwrap();
        assert_eq!(log.first_try().unwrap(), Some(at));
        fs::write(&log.path, "{").unwrap();
        assert!(log.first_try().unwrap().is_some());
        log.over();
        assert_eq!(log.first_try().unwrap(), None);
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
    }
}
