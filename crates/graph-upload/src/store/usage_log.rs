//! What went to a mailbox lately, by whatever process: one line for each request, appended to a file
//! that they share. It holds times, process ids and byte counts, and nothing else.
//!
//! A ledger that cannot be read or written costs the account, nothing more: the service says when it is
//! too much.

use std::{
    io::{Read, Write},
    path::PathBuf,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::private_dir;

/// Longest file that is read: 5 minutes of the largest ranges are 2 KiB, of the smallest this.
const LONGEST: u64 = 1024 * 1024;

/// The account of one mailbox on disk.
#[derive(Debug, Clone)]
pub struct UsageLog {
    path: PathBuf,
    window: Duration,
}

impl UsageLog {
    /// The ledger at `path`, of which only the last `window` matters.
    pub(super) fn new(path: PathBuf, window: Duration) -> Self {
        UsageLog { path, window }
    }

    /// What other processes sent within the window: how long ago, and how many bytes.
    pub fn others(&self) -> Vec<(Duration, u64)> {
        let Ok(file) = private_dir::options().read(true).open(&self.path) else {
            return Vec::new();
        };
        let mut text = String::new();
        if file.take(LONGEST).read_to_string(&mut text).is_err() {
            return Vec::new();
        }
        others(&text, std::process::id(), now(), self.window)
    }

    /// Notes that this process sent so many bytes.
    pub fn note(&self, bytes: u64) {
        let Ok(mut file) = private_dir::options()
            .append(true)
            .create(true)
            .open(&self.path)
        else {
            return;
        };
        // What nobody added to for a whole window is over, all of it.
        let modified = file.metadata().and_then(|metadata| metadata.modified());
        if modified.is_ok_and(|at| at.elapsed().is_ok_and(|age| age > self.window)) {
            let _ = file.set_len(0);
        }
        let line = format!("{} {} {bytes}\n", now().as_millis(), std::process::id());
        let _ = file.write_all(line.as_bytes());
    }
}

/// Since 1970, by this computer's clock.
fn now() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

/// The lines of other processes that are younger than the window. A line from the future is of a clock
/// that was wrong, and counts for nothing; so does one that is none.
fn others(text: &str, own: u32, now: Duration, window: Duration) -> Vec<(Duration, u64)> {
    let line = |line: &str| {
        let mut fields = line.split(' ');
        let at = Duration::from_millis(fields.next()?.parse().ok()?);
        let process: u32 = fields.next()?.parse().ok()?;
        let bytes: u64 = fields.next()?.parse().ok()?;
        let age = now.checked_sub(at)?;
        (process != own && age < window && fields.next().is_none()).then_some((age, bytes))
    };
    text.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn only_others_and_only_lately() {
        let text = "1000 7 10\n59000 7 20\n61000 8 30\n90000 7 40\nnonsense\n95000 7\n";
        let at = Duration::from_secs(62);
        let seconds = Duration::from_secs;
        assert_eq!(
            others(text, 8, at, MINUTE),
            [(seconds(3), 20)],
            "the first is too old, the last from the future"
        );
        assert_eq!(
            others(text, 9, at, MINUTE),
            [(seconds(3), 20), (seconds(1), 30)]
        );
    }

    #[test]
    fn what_is_noted_is_there_for_others() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("volume");
        let ledger = UsageLog::new(path.clone(), MINUTE);
        assert!(ledger.others().is_empty());
        ledger.note(5);
        ledger.note(6);
        // Its own it knows better.
        assert!(ledger.others().is_empty());
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(others(&text, 0, now(), MINUTE).len(), 2);
        // After a window without a note it begins anew.
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(SystemTime::now() - 2 * MINUTE).unwrap();
        ledger.note(7);
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 1);
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in ".*") {
            let _ = others(&text, 1, Duration::from_secs(1_000_000), MINUTE);
        }
    }
}
