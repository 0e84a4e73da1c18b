//! The line that a terminal shows for the file under way, for any width. Pure.
//!
//! What gives way when there is little room: first the bytes in flight, then the rate, the sizes
//! and the time left. A name and a bar stay as long as they can say anything.

use std::time::Instant;

use anstyle::{AnsiColor, Style};

use super::{
    escape,
    file_progress::{FileProgress, Phase},
    human,
    styled_line::{Field, PLAIN, StyledLine},
    truncate::{self, columns},
};

/// Turns by one with every sign of life from the network, not with the clock: a line that hangs
/// looks like it.
const SPINNER: [&str; 8] = ["⠋", "⠙", "⠸", "⠴", "⠦", "⠇", "⠏", "⠛"];
const AT_REST: &str = "·";
const BETWEEN: usize = 2;

/// Narrower than this, a bar or a name says nothing.
const BAR_MIN: usize = 10;
const NAME_MIN: usize = 10;
/// Wider than this, a bar says nothing more.
const BAR_MAX: usize = 60;
/// What a bar gets before a long name gets more.
const BAR_WANTED: usize = 16;

/// Fields keep their width while their numbers change, so that the bar does not jump about.
const PERCENT: usize = 5;
const RATE: usize = 10;
const LEFT: usize = 9;
const FLIGHT: usize = 20;

const DIM: Style = Style::new().dimmed();
const DONE: Style = AnsiColor::Cyan.on_default();
const WAITING: Style = AnsiColor::Yellow.on_default();

/// Draws `upload` for a terminal of `width` columns, of which it leaves the last one free: some
/// terminals start a new line once that is written.
///
/// `label` is put before the name ("2/5 ").
pub(super) fn line(
    upload: &FileProgress,
    label: &str,
    now: Instant,
    width: usize,
    color: bool,
) -> String {
    let mut line = StyledLine {
        text: String::new(),
        room: width.saturating_sub(1),
        color,
    };
    let name = Name {
        least: columns(label) + NAME_MIN,
        text: format!("{label}{}", escape::text(&upload.name)),
    };
    match &upload.phase {
        Phase::Waiting(why) => {
            let end = format!(", {}", why.end(now));
            wait(&mut line, upload, &name, &why.reason(), &end);
        }
        Phase::Verifying { read, total } => {
            let what = format!("verifying {}", human::part(*read, *total));
            let fields = [Field::left(&what, columns(&what), PLAIN)];
            progress(&mut line, upload, &name, (*read, *total), &fields);
        }
        Phase::Sending { sent } => {
            let total = human::part(upload.size, upload.size);
            let sizes = human::part(upload.offset, upload.size);
            let rate = upload.rate(now).map(human::rate).unwrap_or_default();
            let left = upload.remaining(now).map(human::remaining);
            let left = left.map(|left| format!("{left} left")).unwrap_or_default();
            let flight = match sent {
                0 => String::new(),
                sent => format!("… {} in flight", human::size(*sent)),
            };
            // In the order of what stays longest; shown in the order of `Field::place`.
            let fields = [
                Field::left(&left, LEFT, PLAIN).at(2),
                Field::right(&sizes, columns(&total), PLAIN).at(0),
                Field::right(&rate, RATE, PLAIN).at(1),
                Field::left(&flight, FLIGHT, DIM).at(3),
            ];
            progress(
                &mut line,
                upload,
                &name,
                (upload.offset, upload.size),
                &fields,
            );
        }
        Phase::Finished | Phase::Stopped => {}
    }
    line.text
}

/// Which file it is.
struct Name {
    text: String,
    /// Columns below which a longer text is not cut.
    least: usize,
}

impl Name {
    fn width(&self) -> usize {
        columns(&self.text)
    }

    fn least(&self) -> usize {
        self.least.min(self.width())
    }
}

/// A bar with fields after it, as many as there is room for.
fn progress(
    line: &mut StyledLine,
    upload: &FileProgress,
    name: &Name,
    (done, total): (u64, u64),
    fields: &[Field<'_>],
) {
    let spinner = SPINNER[upload.life % SPINNER.len()];
    line.put(spinner, DONE);
    line.put(" ", PLAIN);
    // The least that name, bar and percentage need, with what separates them.
    let least = name.least() + BETWEEN + BAR_MIN + BETWEEN + PERCENT;
    let Some(mut spare) = line.room.checked_sub(least) else {
        return cramped(line, &name.text, human::percent(done, total));
    };
    let mut shown: Vec<&Field<'_>> = Vec::new();
    for field in fields {
        let needs = BETWEEN + field.width;
        // The last field is a nicety: a readable name comes before it.
        let wanted = if field.place == 3 {
            name.width().min(30).saturating_sub(name.least())
        } else {
            0
        };
        match spare.checked_sub(needs) {
            Some(rest) if rest >= wanted => {
                spare = rest;
                shown.push(field);
            }
            _ => {}
        }
    }
    shown.sort_by_key(|field| field.place);

    let flexible = spare + name.least() + BAR_MIN;
    let wanted = flexible.saturating_sub(BAR_WANTED);
    let name_room = name.width().min(wanted.max(name.least()));
    let bar = (flexible - name_room).min(BAR_MAX);
    let short = truncate::middle(&name.text, name_room);
    line.put(&short, PLAIN);
    // A wide character may leave one column of the name's room empty.
    line.blank(name_room - columns(&short) + BETWEEN);
    draw_bar(line, done, total, bar);
    line.blank(BETWEEN);
    line.put(
        &format!("{:>PERCENT$}", format!("{} %", human::percent(done, total))),
        PLAIN,
    );
    for field in shown {
        line.blank(BETWEEN);
        field.put(line);
    }
    line.trim();
}

/// What is left of a bar on a very narrow terminal.
fn cramped(line: &mut StyledLine, name: &str, percent: u64) {
    let percent = format!("{percent} %");
    if let Some(room) = line
        .room
        .checked_sub(columns(&percent) + 1)
        .filter(|room| *room > 0)
    {
        line.put(&truncate::middle(name, room), PLAIN);
        line.put(" ", PLAIN);
    }
    line.put(&percent, PLAIN);
}

/// Why nothing moves. The reason comes first, then name, percentage and sizes as they fit.
fn wait(line: &mut StyledLine, upload: &FileProgress, name: &Name, reason: &str, end: &str) {
    line.put(AT_REST, WAITING);
    line.put(" ", PLAIN);
    let reason = truncate::end(reason, line.room.saturating_sub(columns(end)));
    let message = format!("{reason}{end}");
    let mut spare = line.room.saturating_sub(columns(&message));
    let percent = format!("{} %", human::percent(upload.offset, upload.size));
    let sizes = human::part(upload.offset, upload.size);
    let name_least = name.least() + BETWEEN;
    if spare >= name_least {
        let mut shown = Vec::new();
        for field in [percent, sizes] {
            if let Some(rest) = spare.checked_sub(columns(&field) + BETWEEN + name_least) {
                spare = rest + name_least;
                shown.push(field);
            }
        }
        line.put(&truncate::middle(&name.text, spare - BETWEEN), PLAIN);
        line.blank(BETWEEN);
        for field in shown {
            line.put(&field, PLAIN);
            line.blank(BETWEEN);
        }
    }
    line.put(&message, WAITING);
}

fn draw_bar(line: &mut StyledLine, done: u64, total: u64, width: usize) {
    let halves = (width * 2) as u128;
    let full = match total {
        0 => halves,
        total => u128::from(done.min(total)) * halves / u128::from(total),
    } as usize;
    line.put(&"━".repeat(full / 2), DONE);
    line.put(if full % 2 == 1 { "╸" } else { "" }, DONE);
    line.put(&"─".repeat(width - full.div_ceil(2)), DIM);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::{
        terminal::file_progress::tests::{events, session},
        upload::Event,
    };

    const LONG: &str = "quarterly-figures-for-the-board-of-directors-of-the-northern-region.xlsx";

    /// Halfway through 48.3 MB at 1.2 MB/s.
    fn halfway(name: &str) -> (FileProgress, Instant) {
        let start = Instant::now();
        let mut upload = FileProgress::new(name, 48_312_345, start);
        upload.apply(
            &Event::Opened {
                session: session(),
                offset: 16_000_000,
                resumed: true,
            },
            start,
        );
        let now = start + Duration::from_secs(6);
        upload.apply(&Event::Acknowledged { offset: 23_592_960 }, now);
        upload.apply(
            &Event::Sending {
                sent: 1_200_000,
                of: 3_932_160,
            },
            now,
        );
        (upload, now)
    }

    fn throttled(name: &str) -> (FileProgress, Instant) {
        let (mut upload, now) = halfway(name);
        let reason = "the service is throttling".to_owned();
        let delay = Duration::from_secs(12);
        upload.apply(
            &Event::Waiting {
                delay,
                reason,
                attempt: 2,
                max: 10,
            },
            now,
        );
        (upload, now)
    }

    fn drawn((upload, now): &(FileProgress, Instant), width: usize) -> String {
        line(upload, "", *now, width, false)
    }

    #[test]
    fn at_the_usual_widths() {
        let lines: Vec<_> = [halfway("report.pdf"), halfway(LONG), throttled(LONG)]
            .iter()
            .flat_map(|state| [60, 80, 120, 200].map(|width| drawn(state, width)))
            .collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        ⠴ report.pdf  ━━━━╸─────   48 %  23.5 of 48.3 MB  20 s left
        ⠴ report.pdf  ━━━━━━━━╸─────────   48 %  23.5 of 48.3 MB    1.3 MB/s  20 s left
        ⠴ report.pdf  ━━━━━━━━━━━━━━━━━╸──────────────────   48 %  23.5 of 48.3 MB    1.3 MB/s  20 s left  … 1.2 MB in flight
        ⠴ report.pdf  ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━───────────────────────────────   48 %  23.5 of 48.3 MB    1.3 MB/s  20 s left  … 1.2 MB in flight
        ⠴ quarte…lsx  ━━━━╸─────   48 %  23.5 of 48.3 MB  20 s left
        ⠴ quarter…xlsx  ━━━━━━━╸────────   48 %  23.5 of 48.3 MB    1.3 MB/s  20 s left
        ⠴ quarterly-figures-…region.xlsx  ━━━━━━━╸────────   48 %  23.5 of 48.3 MB    1.3 MB/s  20 s left  … 1.2 MB in flight
        ⠴ quarterly-figures-for-the-board-of-directors-of-the-northern-region.xlsx  ━━━━━━━━━━━━━━━━━━━━━━━━━━────────────────────────────   48 %  23.5 of 48.3 MB    1.3 MB/s  20 s left  … 1.2 MB in flight
        · the service is throttling, retrying in 12 s (2 of 10)
        · quarterly…n.xlsx  48 %  the service is throttling, retrying in 12 s (2 of 10)
        · quarterly-figures-for-t…ern-region.xlsx  48 %  23.5 of 48.3 MB  the service is throttling, retrying in 12 s (2 of 10)
        · quarterly-figures-for-the-board-of-directors-of-the-northern-region.xlsx  48 %  23.5 of 48.3 MB  the service is throttling, retrying in 12 s (2 of 10)
        ");
    }

    #[test]
    fn a_wait_counts_down() {
        let (upload, now) = throttled("a.pdf");
        let later = now + Duration::from_millis(9_500);
        assert!(line(&upload, "", later, 80, false).ends_with("retrying in 3 s (2 of 10)"));
        let late = now + Duration::from_secs(60);
        assert!(line(&upload, "", late, 80, false).contains("retrying in 0 s"));
    }

    #[test]
    fn the_spinner_turns_with_the_bytes_only() {
        let (mut upload, now) = halfway("a.pdf");
        let first = drawn(&(upload.clone(), now), 80);
        assert_eq!(
            first.chars().next(),
            drawn(&(upload.clone(), now), 80).chars().next()
        );
        upload.apply(
            &Event::Sending {
                sent: 1_300_000,
                of: 3_932_160,
            },
            now,
        );
        assert_ne!(
            first.chars().next(),
            drawn(&(upload, now), 80).chars().next()
        );
    }

    #[test]
    fn colour_changes_nothing_else() {
        for (upload, now) in [halfway(LONG), throttled(LONG)] {
            let coloured = line(&upload, "", now, 100, true);
            assert!(coloured.contains("\x1b["));
            assert_eq!(anstream_free(&coloured), drawn(&(upload, now), 100));
        }
    }

    fn anstream_free(text: &str) -> String {
        let mut pieces = text.split('\x1b');
        let first = pieces.next().unwrap().to_owned();
        pieces.fold(first, |plain, piece| {
            plain + piece.split_once('m').unwrap().1
        })
    }

    proptest! {
        #[test]
        fn it_never_reaches_the_last_column(
            name in "\\PC{0,80}|[\u{0}-\u{ff}]{0,80}|[a-z漢👩\u{200d}\u{fe0f}]{0,80}|[a-z]{200}",
            label in prop_oneof![Just(""), Just("2/5 ")],
            size: u64,
            events in prop::collection::vec((events(), 0u64..100_000), 0..6),
            width in 0usize..240,
            color: bool,
        ) {
            let mut now = Instant::now();
            let mut upload = FileProgress::new(&name, size, now);
            for (event, ms) in events {
                now += Duration::from_millis(ms);
                upload.apply(&event, now);
            }
            let shown = anstream_free(&line(&upload, label, now, width, color));
            prop_assert!(columns(&shown) <= width.saturating_sub(1), "{:?}", shown);
            prop_assert!(!shown.chars().any(escape::is_unsafe), "{:?}", shown);
        }
    }
}
