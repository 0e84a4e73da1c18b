//! A moment that another process can tell the age of, whatever was done to the clock meanwhile.
//!
//! The time of day jumps: people set it, and computers correct it. Where the kernel counts the time since it
//! started, and still is the same kernel, that count tells the age. Else the time of day has to, and a
//! moment that seems to be in the future is taken to be now: it was then looked for longer than needed, never
//! too briefly.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// When something was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// By the time of day.
    pub wall: Timestamp,
    /// Which start of the kernel this was under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot: Option<String>,
    /// Milliseconds since then, time asleep included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uptime: Option<u64>,
}

impl Moment {
    /// Now.
    pub fn now() -> Self {
        let uptime = uptime();
        Moment {
            wall: Timestamp::now(),
            boot: uptime.and_then(|_| boot()),
            uptime: uptime.and_then(|uptime| u64::try_from(uptime.as_millis()).ok()),
        }
    }

    /// How long ago it was.
    pub fn age(&self) -> Duration {
        self.age_at(&Moment::now())
    }

    fn age_at(&self, now: &Moment) -> Duration {
        match (self.uptime, now.uptime) {
            (Some(then), Some(now_uptime)) if self.boot.is_some() && self.boot == now.boot => {
                Duration::from_millis(now_uptime.saturating_sub(then))
            }
            _ => Duration::try_from(now.wall.duration_since(self.wall)).unwrap_or_default(),
        }
    }
}

#[cfg(target_os = "linux")]
fn uptime() -> Option<Duration> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Duration::try_from(time).ok()
}

#[cfg(target_os = "linux")]
fn boot() -> Option<String> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned()).filter(|id| !id.is_empty())
}

#[cfg(not(target_os = "linux"))]
fn uptime() -> Option<Duration> {
    None
}

#[cfg(not(target_os = "linux"))]
fn boot() -> Option<String> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(wall: i64, boot: &str, uptime: u64) -> Moment {
        Moment {
            wall: Timestamp::from_second(wall).unwrap(),
            boot: Some(boot.to_owned()),
            uptime: Some(uptime * 1_000),
        }
    }

    #[test]
    fn a_clock_that_jumps_changes_no_age() {
        let then = moment(1_000_000, "a", 50);
        let age = |now: Moment| then.age_at(&now).as_secs();
        assert_eq!(age(moment(1_000_007, "a", 57)), 7);
        assert_eq!(age(moment(9_000_000, "a", 57)), 7);
        assert_eq!(age(moment(3, "a", 57)), 7);
        // Another start of the kernel: the time of day is all there is, and it is not before then.
        assert_eq!(age(moment(1_000_100, "b", 5)), 100);
        assert_eq!(age(moment(3, "b", 5)), 0);
    }

    #[test]
    fn now_is_now() {
        let now = Moment::now();
        assert!(now.age() < Duration::from_secs(5));
        assert_eq!(now.boot.is_some(), cfg!(target_os = "linux"));
    }
}
