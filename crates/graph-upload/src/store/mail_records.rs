//! Mail jobs on disk, beside the sessions: written whole, locked like a session, never lost in silence.

use std::{
    fs,
    io::{self, Read},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use super::{
    id::SessionId,
    mail_record::MailRecord,
    private_dir::{self, DirError},
    record::LoadError,
    records::{Durability, Store, remove, set_aside},
};

/// Longest record that is read: a body of 2 MB takes up to twice the room in JSON.
const LONGEST: u64 = 8 * 1024 * 1024;

/// Every mail job that a directory holds.
#[derive(Debug, Default)]
pub struct MailList {
    /// The jobs, oldest first.
    pub records: Vec<MailRecord>,
    /// Files that are not used: those that are damaged are now called `.bad`.
    pub unreadable: Vec<(PathBuf, LoadError)>,
}

impl Store {
    /// Reads every mail job. A damaged file is set aside, never deleted.
    pub fn mails(&self) -> Result<MailList, DirError> {
        let wrong = |source| DirError::Io {
            path: self.dir().to_owned(),
            source,
        };
        let mut list = MailList::default();
        for entry in fs::read_dir(self.dir()).map_err(wrong)? {
            let path = entry.map_err(wrong)?.path();
            let Some(id) = mail_id(&path) else { continue };
            match read(&path, id) {
                Ok(None) => {}
                Ok(Some(Ok(record))) => list.records.push(record),
                Ok(Some(Err(why))) => {
                    let path = match why {
                        LoadError::Damaged => set_aside(&path),
                        _ => path,
                    };
                    list.unreadable.push((path, why));
                }
                Err(error) => list.unreadable.push((path, LoadError::Io(error.kind()))),
            }
        }
        list.records
            .sort_by_key(|record| (record.created, record.id));
        Ok(list)
    }

    /// Reads one mail job anew.
    pub fn load_mail(&self, id: SessionId) -> Result<Option<MailRecord>, DirError> {
        let path = self.mail_path(id);
        match read(&path, id) {
            Ok(Some(Ok(record))) => Ok(Some(record)),
            Ok(_) => Ok(None),
            Err(source) => Err(DirError::Io { path, source }),
        }
    }

    /// Writes a mail job: whole or not at all.
    pub fn save_mail(&self, record: &MailRecord, durability: Durability) -> io::Result<()> {
        let file = tempfile::Builder::new()
            .prefix(".tmp-")
            .tempfile_in(self.dir())?;
        file.as_file().write_all_at(&record.to_json(), 0)?;
        file.as_file().sync_data()?;
        file.persist(self.mail_path(record.id))
            .map_err(|error| error.error)?;
        if durability == Durability::Power {
            private_dir::sync(self.dir())?;
        }
        Ok(())
    }

    /// Removes a mail job. What it made at the service stays.
    pub fn forget_mail(&self, id: SessionId) -> io::Result<()> {
        remove(&self.mail_path(id))?;
        private_dir::sync(self.dir())
    }

    pub(super) fn mail_path(&self, id: SessionId) -> PathBuf {
        self.dir().join(format!("{id}.mail.json"))
    }
}

/// The id in a mail job's file name; `None` for any other file.
fn mail_id(path: &Path) -> Option<SessionId> {
    let name = path.file_name()?.to_str()?;
    let text = name.strip_suffix(".mail.json")?;
    let id: SessionId = text.parse().ok()?;
    (text == id.as_str()).then_some(id)
}

fn read(path: &Path, id: SessionId) -> io::Result<Option<Result<MailRecord, LoadError>>> {
    let file = match private_dir::options().read(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        // A link in the file's place: not ours, so not followed.
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
            return Ok(Some(Err(LoadError::Damaged)));
        }
        Err(error) => return Err(error),
    };
    if !file.metadata()?.is_file() {
        return Ok(Some(Err(LoadError::Damaged)));
    }
    let mut bytes = Vec::new();
    file.take(LONGEST).read_to_end(&mut bytes)?;
    let record = MailRecord::from_json(&bytes);
    // A copy under another name would be two jobs that share one lock.
    Ok(Some(record.and_then(|record| match record.id == id {
        true => Ok(record),
        false => Err(LoadError::Damaged),
    })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::mail_record::tests::example;

    #[test]
    fn a_job_is_saved_beside_sessions_and_found_again() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(&home.path().join("state")).unwrap();
        let record = example();
        store.save_mail(&record, Durability::Power).unwrap();
        assert_eq!(
            store.mails().unwrap().records,
            std::slice::from_ref(&record)
        );
        assert_eq!(store.load_mail(record.id).unwrap(), Some(record.clone()));
        // A program that knows sessions only is not disturbed.
        let sessions = store.inventory().unwrap();
        assert!(sessions.records.is_empty() && sessions.unreadable.is_empty());
        store.forget_mail(record.id).unwrap();
        assert!(store.mails().unwrap().records.is_empty());
    }

    #[test]
    fn a_damaged_job_is_set_aside_and_a_copy_is_not_a_job() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(&home.path().join("state")).unwrap();
        fs::write(store.mail_path(example().id), "{").unwrap();
        fs::write(store.dir().join("00000000.mail.json"), example().to_json()).unwrap();
        let list = store.mails().unwrap();
        assert!(list.records.is_empty());
        assert_eq!(list.unreadable.len(), 2);
        assert!(store.mails().unwrap().unreadable.is_empty());
    }
}
