//! When mails went out of a mailbox, by whatever process of this computer: a time for each, in a file that
//! they share, under a kernel lock while one is added.
//!
//! A log that cannot be used costs the pace, nothing more: mail over the limit waits in the Outbox.

use std::{
    fs::File,
    io::{self, Read, Seek, Write},
    path::PathBuf,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::{private_dir, records::Store};
use crate::Digest;

/// Longest file that is read: times of a minute are 14 bytes each.
const LONGEST: u64 = 1024 * 1024;

/// The sends of one mailbox on disk.
#[derive(Debug, Clone)]
pub struct TurnLog {
    path: PathBuf,
}

impl Store {
    /// The sends of a mailbox.
    pub fn turn_log(&self, endpoint: &str, mailbox: Option<&str>) -> TurnLog {
        let mailbox = mailbox.map(str::to_lowercase);
        let name = serde_json::json!([endpoint, mailbox]).to_string();
        let digest = Digest::of(name.as_bytes()).to_string();
        TurnLog {
            path: self.dir().join(format!("turns-{}.log", &digest[..32])),
        }
    }
}

impl TurnLog {
    /// Takes one of `limit` places within `window`; or says after how long one may be free.
    pub fn take(&self, limit: usize, window: Duration) -> io::Result<Result<(), Duration>> {
        let mut file = private_dir::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&self.path)?;
        file.lock()?;
        let mut text = String::new();
        (&file).take(LONGEST).read_to_string(&mut text)?;
        let (recent, free) = take(&text, now(), limit, window);
        if free.is_ok() {
            write(&mut file, &recent)?;
        }
        Ok(free)
    }
}

fn write(file: &mut File, times: &[Duration]) -> io::Result<()> {
    let lines: String = times
        .iter()
        .map(|at| format!("{}\n", at.as_millis()))
        .collect();
    file.rewind()?;
    file.set_len(0)?;
    file.write_all(lines.as_bytes())
}

/// Since 1970, by this computer's clock.
fn now() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

/// The times within the window with this one among them; or how long to wait. A time from the future is
/// of a clock that was wrong, and counts for nothing.
fn take(
    text: &str,
    now: Duration,
    limit: usize,
    window: Duration,
) -> (Vec<Duration>, Result<(), Duration>) {
    let times = text
        .lines()
        .filter_map(|line| line.parse().ok().map(Duration::from_millis));
    let mut recent: Vec<Duration> = times
        .filter(|at| *at <= now && now - *at < window)
        .collect();
    recent.sort();
    if recent.len() < limit.max(1) {
        recent.push(now);
        return (recent, Ok(()));
    }
    // The one that must leave the window first, so that there is room.
    let leaving = recent[recent.len() - limit.max(1)];
    let wait = (leaving + window).saturating_sub(now);
    (recent, Err(wait))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn thirty_at_once_and_then_a_wait() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(&home.path().join("state")).unwrap();
        let log = store.turn_log("e", Some("Ann@a.com"));
        for _ in 0..30 {
            assert_eq!(log.take(30, MINUTE).unwrap(), Ok(()));
        }
        let wait = store
            .turn_log("e", Some("ann@A.com"))
            .take(30, MINUTE)
            .unwrap()
            .unwrap_err();
        assert!(wait > Duration::from_secs(50) && wait <= MINUTE, "{wait:?}");
        assert_eq!(store.turn_log("e", None).take(30, MINUTE).unwrap(), Ok(()));
    }

    #[test]
    fn processes_share_the_places() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(&home.path().join("state")).unwrap();
        let taken: usize = std::thread::scope(|scope| {
            let one = || {
                let log = store.turn_log("e", None);
                (0..20)
                    .filter(|_| log.take(30, MINUTE).unwrap().is_ok())
                    .count()
            };
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(one)).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .sum()
        });
        assert_eq!(taken, 30);
    }

    proptest! {
        #[test]
        fn never_more_than_the_limit_in_a_window(pauses in prop::collection::vec(0u64..30_000, 1..100), limit in 1usize..10) {
            let (mut now, mut text, mut sent) = (Duration::from_secs(1_000_000), String::new(), Vec::new());
            for pause in pauses {
                now += Duration::from_millis(pause);
                let (mut recent, mut free) = take(&text, now, limit, MINUTE);
                if let Err(wait) = free {
                    prop_assert!(wait <= MINUTE);
                    now += wait;
                    (recent, free) = take(&text, now, limit, MINUTE);
                }
                prop_assert_eq!(free, Ok(()));
                sent.push(now);
                let window = sent.iter().filter(|at| now - **at < MINUTE).count();
                prop_assert!(window <= limit);
                text = recent.iter().map(|at| format!("{}\n", at.as_millis())).collect();
            }
        }
    }
}
