//! What is known about the file under way, from the events that the engine sent. Pure: takes the
//! time as an argument, and prints nothing.

use std::{
    fmt,
    time::{Duration, Instant},
};

use super::{escape, human, rate::Rate};
use crate::{session::SessionId, upload::Event};

/// Where an unfinished file stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The attachment's name, unescaped.
    pub name: String,
    /// The session that can be resumed, if there is one.
    pub session: Option<SessionId>,
    /// Bytes that the service acknowledged.
    pub offset: u64,
    /// Size of the file in bytes.
    pub size: u64,
}

/// For people, on one line, safe to show.
impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = escape::text(&self.name);
        write!(
            f,
            "`{name}` stopped at {}",
            human::part(self.offset, self.size)
        )
    }
}

/// What the upload is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Phase {
    /// Between requests, or a request is under way with so many bytes handed to the network.
    Sending { sent: u64 },
    /// Nothing moves for a while.
    Waiting(Wait),
    /// The attachment is read back.
    Verifying { read: u64, total: u64 },
    /// Attached.
    Finished,
    /// Ended without being attached.
    Stopped,
}

/// Why nothing moves, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wait {
    until: Instant,
    reason: String,
    attempt: u32,
    max: u32,
}

impl Wait {
    /// The reason, safe to show.
    pub(super) fn reason(&self) -> String {
        escape::text(&self.reason)
    }

    /// What happens when it ends: "retrying in 12 s (2 of 10)".
    pub(super) fn end(&self, now: Instant) -> String {
        let left = human::remaining(self.until.saturating_duration_since(now));
        match self.attempt {
            // Nothing failed, so nothing is tried again.
            0 => format!("continuing in {left}"),
            attempt => format!("retrying in {left} ({attempt} of {})", self.max),
        }
    }
}

/// One file on its way.
#[derive(Debug, Clone)]
pub(super) struct FileProgress {
    pub(super) name: String,
    pub(super) size: u64,
    pub(super) session: Option<SessionId>,
    pub(super) offset: u64,
    pub(super) phase: Phase,
    /// Counts events that show that bytes move.
    pub(super) life: usize,
    /// Bytes acknowledged to this process, those sent again included.
    pub(super) acknowledged: u64,
    started: Instant,
    /// When the last byte was out and reading back began.
    sent: Option<Instant>,
    rate: Rate,
}

impl FileProgress {
    pub(super) fn new(name: &str, size: u64, now: Instant) -> Self {
        Self {
            name: name.to_owned(),
            size,
            session: None,
            offset: 0,
            phase: Phase::Sending { sent: 0 },
            life: 0,
            acknowledged: 0,
            started: now,
            sent: None,
            rate: Rate::new(now),
        }
    }

    /// Takes the next event of this file.
    pub(super) fn apply(&mut self, event: &Event, now: Instant) {
        match event {
            Event::Opened {
                session, offset, ..
            } => {
                self.session = Some(*session);
                self.offset = self.clamp(*offset);
                self.send(0, now);
            }
            Event::Kept { session } => self.session = Some(*session),
            Event::Acknowledged { offset } => {
                let gained = self.clamp(*offset).saturating_sub(self.offset);
                self.offset = self.clamp(*offset);
                self.acknowledged = self.acknowledged.saturating_add(gained);
                self.send(0, now);
                if gained > 0 {
                    self.rate.add(gained, now);
                }
            }
            Event::Sending { sent, .. } => self.send(*sent, now),
            Event::Waiting {
                delay,
                reason,
                attempt,
                max,
            } => {
                self.rate.pause(now);
                self.phase = Phase::Waiting(Wait {
                    // A delay beyond what the clock can hold is as good as none.
                    until: now.checked_add(*delay).unwrap_or(now),
                    reason: reason.clone(),
                    attempt: *attempt,
                    max: *max,
                });
            }
            Event::Restarting { .. } => {
                (self.session, self.offset) = (None, 0);
                self.send(0, now);
            }
            Event::Verifying { read, total } => {
                self.life += 1;
                self.sent.get_or_insert(now);
                self.phase = Phase::Verifying {
                    read: *read,
                    total: *total,
                };
            }
            Event::Finished { already } => {
                if !already {
                    let rest = self.size - self.offset;
                    self.acknowledged = self.acknowledged.saturating_add(rest);
                }
                self.offset = self.size;
                self.phase = Phase::Finished;
            }
            Event::Stopped => self.phase = Phase::Stopped,
            Event::Started { .. } | Event::Warning(_) | Event::Detail(_) => {}
        }
    }

    /// Where it stands, unless it is attached.
    pub(super) fn position(&self) -> Option<Position> {
        (self.phase != Phase::Finished).then(|| Position {
            name: self.name.clone(),
            session: self.session,
            offset: self.offset,
            size: self.size,
        })
    }

    /// Time from opening the file until its last byte was out, or until now.
    pub(super) fn sending_time(&self, now: Instant) -> Duration {
        self.sent
            .unwrap_or(now)
            .saturating_duration_since(self.started)
    }

    /// Recent acknowledged bytes per second.
    pub(super) fn rate(&self, now: Instant) -> Option<f64> {
        self.rate.per_second(now)
    }

    /// Time until the last byte is acknowledged.
    pub(super) fn remaining(&self, now: Instant) -> Option<Duration> {
        self.rate.remaining(self.size - self.offset, now)
    }

    fn send(&mut self, sent: u64, now: Instant) {
        self.rate.resume(now);
        self.life += 1;
        self.phase = Phase::Sending { sent };
    }

    fn clamp(&self, offset: u64) -> u64 {
        offset.min(self.size)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(in crate::terminal) fn session() -> SessionId {
        "7Q2KM4XA".parse().unwrap()
    }

    /// Any event but a `Started`.
    pub(in crate::terminal) fn events() -> impl Strategy<Value = Event> {
        let text = "\\PC{0,40}";
        prop_oneof![
            (any::<u64>(), any::<bool>()).prop_map(|(offset, resumed)| Event::Opened {
                session: session(),
                offset,
                resumed
            }),
            (0u64..200_000_000).prop_map(|offset| Event::Acknowledged { offset }),
            any::<u64>().prop_map(|offset| Event::Acknowledged { offset }),
            (any::<u64>(), any::<u64>()).prop_map(|(sent, of)| Event::Sending { sent, of }),
            (any::<u64>(), text, any::<u32>(), any::<u32>()).prop_map(
                |(ms, reason, attempt, max)| Event::Waiting {
                    delay: Duration::from_millis(ms),
                    reason,
                    attempt,
                    max
                }
            ),
            text.prop_map(|reason| Event::Restarting { reason }),
            (any::<u64>(), any::<u64>()).prop_map(|(read, total)| Event::Verifying { read, total }),
            text.prop_map(Event::Warning),
            any::<bool>().prop_map(|already| Event::Finished { already }),
            Just(Event::Stopped),
        ]
    }

    #[test]
    fn a_resumed_upload_has_its_offset_and_no_rate() {
        let start = Instant::now();
        let mut upload = FileProgress::new("a", 100, start);
        upload.apply(
            &Event::Opened {
                session: session(),
                offset: 60,
                resumed: true,
            },
            start,
        );
        assert_eq!((upload.offset, upload.acknowledged), (60, 0));
        let later = start + Duration::from_secs(2);
        assert_eq!(upload.rate(later), None);
        upload.apply(&Event::Acknowledged { offset: 80 }, later);
        assert_eq!(upload.rate(later), Some(10.0));
        assert_eq!(upload.remaining(later), Some(Duration::from_secs(2)));
    }

    #[test]
    fn what_is_in_flight_is_no_progress_and_an_offset_may_go_back() {
        let now = Instant::now();
        let mut upload = FileProgress::new("a", 100, now);
        upload.apply(&Event::Acknowledged { offset: 50 }, now);
        upload.apply(&Event::Sending { sent: 30, of: 50 }, now);
        assert_eq!(
            (upload.offset, &upload.phase),
            (50, &Phase::Sending { sent: 30 })
        );
        upload.apply(&Event::Acknowledged { offset: 40 }, now);
        assert_eq!((upload.offset, upload.acknowledged), (40, 50));
        upload.apply(&Event::Acknowledged { offset: 100 }, now);
        assert_eq!((upload.offset, upload.acknowledged), (100, 110));
    }

    #[test]
    fn a_position_lasts_until_the_file_is_attached() {
        let now = Instant::now();
        let mut upload = FileProgress::new("a\x1b.txt", 2_000_000, now);
        upload.apply(
            &Event::Opened {
                session: session(),
                offset: 500_000,
                resumed: true,
            },
            now,
        );
        upload.apply(&Event::Stopped, now);
        let position = upload.position().unwrap();
        assert_eq!(
            (position.session, position.offset),
            (Some(session()), 500_000)
        );
        assert_eq!(
            position.to_string(),
            "`a\\u{1b}.txt` stopped at 0.5 of 2.0 MB"
        );
        upload.apply(&Event::Finished { already: false }, now);
        assert_eq!(upload.position(), None);
    }

    proptest! {
        #[test]
        fn any_order_of_events_keeps_it_consistent(
            size in prop_oneof![0u64..200_000_000, any::<u64>()],
            events in prop::collection::vec((events(), 0u64..100_000), 0..60),
        ) {
            let mut now = Instant::now();
            let mut upload = FileProgress::new("a", size, now);
            for (event, ms) in events {
                now += Duration::from_millis(ms);
                upload.apply(&event, now);
                prop_assert!(upload.offset <= size);
                if let Some(rate) = upload.rate(now) {
                    prop_assert!(rate > 0.0);
                }
                let _ = upload.remaining(now);
            }
        }
    }
}
