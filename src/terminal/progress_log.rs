//! Progress as lines for a log, and when to write one. Pure.

use std::time::{Duration, Instant};

use super::{
    escape,
    file_progress::{FileProgress, Phase},
    human,
};
use crate::upload::Event;

/// A log wants a line per tenth of a file …
const STEP_PERCENT: u64 = 10;
/// … but not more than two a minute.
const STEP_TIME: Duration = Duration::from_secs(30);

/// What took less time says nothing about the line.
const PACE_FROM: Duration = Duration::from_secs(1);

/// Decides when the next line about progress is due: once both steps were made, so the later of
/// the two decides.
#[derive(Debug, Clone)]
pub(super) struct Cadence {
    at: Instant,
    percent: u64,
}

impl Cadence {
    pub(super) fn new(now: Instant, percent: u64) -> Self {
        Self { at: now, percent }
    }

    /// Whether a line is due; then the next one is counted from here.
    pub(super) fn is_due(&mut self, now: Instant, percent: u64) -> bool {
        // Lost ground has to be reported again.
        self.percent = self.percent.min(percent);
        let due = percent >= self.percent + STEP_PERCENT
            && now.saturating_duration_since(self.at) >= STEP_TIME;
        if due {
            *self = Self::new(now, percent);
        }
        due
    }
}

/// The line for `event`, if it deserves one. `upload` has already taken it.
///
/// None for `Stopped`: the error says more, and whoever prints it knows the position.
pub(super) fn line(
    upload: &FileProgress,
    label: &str,
    event: &Event,
    cadence: &mut Cadence,
    now: Instant,
) -> Option<String> {
    let name = format!("`{}`", escape::text(&upload.name));
    let percent = human::percent(upload.offset, upload.size);
    let part = human::part(upload.offset, upload.size);
    match event {
        Event::Started { size, .. } => {
            Some(format!("{label}attaching {name} ({})", human::size(*size)))
        }
        Event::Opened {
            session, resumed, ..
        } => {
            *cadence = Cadence::new(now, percent);
            resumed.then(|| format!("{name}: resuming session {session} at {part} ({percent} %)"))
        }
        Event::Acknowledged { .. } => {
            let due = percent < 100 && cadence.is_due(now, percent);
            due.then(|| format!("{name}: {percent} %, {part}{}", pace(upload, now)))
        }
        Event::Waiting { .. } => match &upload.phase {
            Phase::Waiting(why) => Some(format!("{name}: {}, {}", why.reason(), why.end(now))),
            _ => None,
        },
        Event::Restarting { reason } => {
            *cadence = Cadence::new(now, 0);
            Some(format!("{name}: starting over: {}", escape::text(reason)))
        }
        Event::Verifying { read, total } => {
            let first = *read == 0;
            let percent = human::percent(*read, *total);
            if first {
                *cadence = Cadence::new(now, 0);
            }
            let due = first || (percent < 100 && cadence.is_due(now, percent));
            due.then(|| format!("{name}: verifying, {percent} %"))
        }
        Event::Finished { .. } => ending(upload, event, now),
        Event::Kept { .. }
        | Event::Sending { .. }
        | Event::Stopped
        | Event::Warning(_)
        | Event::Detail(_) => None,
    }
}

/// The line that stays when a file is attached; the same in a log and on a terminal.
pub(super) fn ending(upload: &FileProgress, event: &Event, now: Instant) -> Option<String> {
    let name = escape::text(&upload.name);
    match event {
        Event::Finished { already: true } => Some(format!("`{name}` is already attached")),
        Event::Finished { already: false } => {
            let time = upload.sending_time(now);
            let sent = match upload.acknowledged {
                sent if sent == upload.size => human::size(sent),
                sent => format!("{}, {} sent", human::size(upload.size), human::size(sent)),
            };
            let pace = upload.acknowledged as f64 / time.as_secs_f64();
            let pace = match time >= PACE_FROM {
                true => format!(", {}", human::rate(pace)),
                false => String::new(),
            };
            Some(format!(
                "attached `{name}` ({sent} in {}{pace})",
                human::elapsed(time)
            ))
        }
        _ => None,
    }
}

fn pace(upload: &FileProgress, now: Instant) -> String {
    let rate = upload
        .rate(now)
        .map(|rate| format!(", {}", human::rate(rate)));
    let left = upload
        .remaining(now)
        .map(|left| format!(", {} left", human::remaining(left)));
    rate.unwrap_or_default() + &left.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_log_gets_at_most_ten_lines_and_two_a_minute(
            steps in prop::collection::vec((0u64..20, 0u64..60_000), 0..200),
        ) {
            let start = Instant::now();
            let (mut now, mut percent) = (start, 0);
            let mut cadence = Cadence::new(now, 0);
            let mut lines = vec![(now, 0)];
            for (more, ms) in steps {
                now += Duration::from_millis(ms);
                percent = (percent + more).min(100);
                if cadence.is_due(now, percent) {
                    lines.push((now, percent));
                }
            }
            prop_assert!(lines.len() <= 11);
            for pair in lines.windows(2) {
                prop_assert!(pair[1].0 - pair[0].0 >= STEP_TIME);
                prop_assert!(pair[1].1 - pair[0].1 >= STEP_PERCENT);
            }
            // Nor is it silent: what was not reported is less than one of the two steps.
            let (at, reported) = *lines.last().unwrap();
            prop_assert!(percent < reported + STEP_PERCENT || now - at < STEP_TIME);
        }
    }

    #[test]
    fn lost_ground_is_reported_again() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut cadence = Cadence::new(start, 0);
        assert!(cadence.is_due(after(30), 50));
        assert!(!cadence.is_due(after(60), 20));
        assert!(cadence.is_due(after(61), 30));
    }
}
