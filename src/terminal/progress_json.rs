//! Progress as JSON: one object per event and line, and which events are worth one. Pure.
//!
//! Every object has `type` ("progress"), `event`, `name`, `size`, `offset` (bytes acknowledged) and
//! `session` (null while there is none). Some events add fields:
//!
//! | `event` | adds |
//! |---|---|
//! | `started` | `route`: `post` or `session` |
//! | `opened` | `resumed` |
//! | `acknowledged` | |
//! | `sending` | `sent`, `of`: bytes of the request under way; at most one a second |
//! | `waiting` | `reason`, `delay_seconds`, `attempt`, `max_attempts`; both 0 when nothing failed |
//! | `restarting` | `reason` |
//! | `verifying` | `read`, `of`; at most one a second, besides the first and the last |
//! | `finished` | `already` |
//! | `stopped` | |
//!
//! Fields are only ever added.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::file_progress::FileProgress;
use crate::{
    session::SessionId,
    upload::{Event, plan::Route},
};

/// Signs of life come by the hundred per range; one a second tells as much.
const LIFE_EVERY: Duration = Duration::from_secs(1);

#[derive(Serialize)]
pub(super) struct ProgressJson<'a> {
    r#type: &'static str,
    #[serde(flatten)]
    event: EventJson<'a>,
    name: &'a str,
    size: u64,
    offset: u64,
    session: Option<SessionId>,
}

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum EventJson<'a> {
    Started {
        route: Route,
    },
    Opened {
        resumed: bool,
    },
    Acknowledged,
    Sending {
        sent: u64,
        of: u64,
    },
    Waiting {
        reason: &'a str,
        delay_seconds: f64,
        attempt: u32,
        max_attempts: u32,
    },
    Restarting {
        reason: &'a str,
    },
    Verifying {
        read: u64,
        of: u64,
    },
    Finished {
        already: bool,
    },
    Stopped,
}

/// When the last sign of life was written.
#[derive(Debug, Clone, Default)]
pub(super) struct Pulse(Option<Instant>);

impl Pulse {
    fn is_due(&mut self, now: Instant) -> bool {
        let due = self
            .0
            .is_none_or(|last| now.saturating_duration_since(last) >= LIFE_EVERY);
        if due {
            self.0 = Some(now);
        }
        due
    }
}

/// The object for `event`, if it deserves one. `upload` has already taken it. Notes and details are
/// not about progress: they travel as messages.
pub(super) fn progress_json<'a>(
    upload: &'a FileProgress,
    event: &'a Event,
    pulse: &mut Pulse,
    now: Instant,
) -> Option<ProgressJson<'a>> {
    let event = match event {
        Event::Started { route, .. } => EventJson::Started { route: *route },
        Event::Opened { resumed, .. } => EventJson::Opened { resumed: *resumed },
        Event::Acknowledged { .. } => EventJson::Acknowledged,
        Event::Sending { sent, of } if pulse.is_due(now) => EventJson::Sending {
            sent: *sent,
            of: *of,
        },
        Event::Waiting {
            delay,
            reason,
            attempt,
            max,
        } => EventJson::Waiting {
            reason,
            delay_seconds: delay.as_secs_f64(),
            attempt: *attempt,
            max_attempts: *max,
        },
        Event::Restarting { reason } => EventJson::Restarting { reason },
        Event::Verifying { read, total } if *read == 0 || read >= total || pulse.is_due(now) => {
            EventJson::Verifying {
                read: *read,
                of: *total,
            }
        }
        Event::Finished { already } => EventJson::Finished { already: *already },
        Event::Stopped => EventJson::Stopped,
        Event::Kept { .. }
        | Event::Sending { .. }
        | Event::Verifying { .. }
        | Event::Warning(_)
        | Event::Detail(_) => {
            return None;
        }
    };
    Some(ProgressJson {
        r#type: "progress",
        event,
        name: &upload.name,
        size: upload.size,
        offset: upload.offset,
        session: upload.session,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::terminal::file_progress::tests::session;

    #[test]
    fn every_event_has_its_documented_fields() {
        let now = Instant::now();
        let mut upload = FileProgress::new("a.pdf", 100, now);
        let name = || "a.pdf".to_owned();
        let reason = || "the service is throttling".to_owned();
        let (id, none) = (json!("7Q2KM4XA"), json!(null));
        let delay = Duration::from_millis(1_500);
        for (event, offset, session, specific) in [
            (
                Event::Started {
                    name: name(),
                    size: 100,
                    route: Route::Session,
                },
                0,
                &none,
                json!({"event": "started", "route": "session"}),
            ),
            (
                Event::Opened {
                    session: session(),
                    offset: 40,
                    resumed: true,
                },
                40,
                &id,
                json!({"event": "opened", "resumed": true}),
            ),
            (
                Event::Sending { sent: 7, of: 60 },
                40,
                &id,
                json!({"event": "sending", "sent": 7, "of": 60}),
            ),
            (
                Event::Acknowledged { offset: 60 },
                60,
                &id,
                json!({"event": "acknowledged"}),
            ),
            (
                Event::Waiting {
                    delay,
                    reason: reason(),
                    attempt: 2,
                    max: 10,
                },
                60,
                &id,
                json!({"event": "waiting", "reason": "the service is throttling",
                    "delay_seconds": 1.5, "attempt": 2, "max_attempts": 10}),
            ),
            (
                Event::Restarting { reason: reason() },
                0,
                &none,
                json!({"event": "restarting", "reason": "the service is throttling"}),
            ),
            (
                Event::Verifying {
                    read: 100,
                    total: 100,
                },
                0,
                &none,
                json!({"event": "verifying", "read": 100, "of": 100}),
            ),
            (Event::Stopped, 0, &none, json!({"event": "stopped"})),
            (
                Event::Finished { already: false },
                100,
                &none,
                json!({"event": "finished", "already": false}),
            ),
        ] {
            upload.apply(&event, now);
            let mut expected = json!({"type": "progress", "name": "a.pdf", "size": 100,
                "offset": offset, "session": session});
            expected
                .as_object_mut()
                .unwrap()
                .extend(specific.as_object().unwrap().clone());
            let object = progress_json(&upload, &event, &mut Pulse::default(), now).unwrap();
            assert_eq!(serde_json::to_value(object).unwrap(), expected);
        }
    }

    #[test]
    fn signs_of_life_come_once_a_second() {
        let start = Instant::now();
        let upload = FileProgress::new("a.pdf", 100, start);
        let mut pulse = Pulse::default();
        let event = Event::Sending { sent: 1, of: 2 };
        let shown = (0..30u64).filter(|i| {
            let now = start + Duration::from_millis(i * 100);
            progress_json(&upload, &event, &mut pulse, now).is_some()
        });
        assert_eq!(shown.count(), 3);
    }
}
