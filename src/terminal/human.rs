//! Numbers as people read them: sizes, rates, durations, percentages. Pure.
//!
//! Sizes are decimal (1 kB is 1000 B), as in the service's documentation of its limits.

use std::time::Duration;

const UNITS: [(&str, u64); 4] = [
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
];

/// A number of bytes: `999 B`, `12.3 MB`.
pub fn size(bytes: u64) -> String {
    match unit(bytes) {
        None => format!("{bytes} B"),
        Some((name, unit)) => format!("{} {name}", tenths(bytes, unit, unit / 20)),
    }
}

/// How much of how much, in one unit: `19.3 of 48.3 MB`. The part done is rounded down, so that it
/// looks complete only when it is.
pub fn part(done: u64, total: u64) -> String {
    match unit(total) {
        None => format!("{done} of {total} B"),
        Some((name, unit)) if done >= total => {
            format!("{0} of {0} {name}", tenths(total, unit, unit / 20))
        }
        Some((name, unit)) => {
            format!(
                "{} of {} {name}",
                tenths(done, unit, 0),
                tenths(total, unit, unit / 20)
            )
        }
    }
}

/// Bytes per second: `1.2 MB/s`.
pub fn rate(bytes_per_second: f64) -> String {
    // A float cast saturates, and turns a NaN into 0.
    format!("{}/s", size(bytes_per_second.round() as u64))
}

/// The part done in whole per cent, rounded down. An empty file is complete.
pub fn percent(done: u64, total: u64) -> u64 {
    if done >= total {
        100
    } else {
        (u128::from(done) * 100 / u128::from(total)) as u64
    }
}

/// A time still to come, in whole seconds, rounded up: `12 s`, `1 min 05 s`, `1 h 02 min`.
pub fn remaining(time: Duration) -> String {
    whole(
        time.as_secs()
            .saturating_add(u64::from(time.subsec_nanos() > 0)),
    )
}

/// A time that has passed, at least `0.1 s`: `0.4 s`, `12 s`, `1 min 05 s`, `1 h 02 min`.
pub fn elapsed(time: Duration) -> String {
    // Below 9.95 s, one decimal still has something to say and stays under `10.0`.
    if time.as_millis() < 9_950 {
        format!("{:.1} s", time.as_secs_f64().max(0.1))
    } else {
        whole((time.as_millis() as u64).saturating_add(500) / 1000)
    }
}

fn whole(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{minutes} min {:02} s", seconds % 60),
        3600..86_400 => format!("{hours} h {:02} min", minutes % 60),
        _ => format!("{days} d {:02} h", hours % 24),
    }
}

/// The unit in which `bytes` has one to three digits before the point once rounded.
fn unit(bytes: u64) -> Option<(&'static str, u64)> {
    // 999,950 B would round to `1000.0 kB`, so it is already a megabyte.
    UNITS.into_iter().rev().find(|(name, unit)| {
        bytes
            >= if *name == "kB" {
                *unit
            } else {
                unit - unit / 20_000
            }
    })
}

fn tenths(bytes: u64, unit: u64, add: u64) -> String {
    let tenths = (u128::from(bytes) + u128::from(add)) * 10 / u128::from(unit);
    format!("{}.{}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes() {
        for (bytes, shown) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.0 kB"),
            (999_949, "999.9 kB"),
            (999_950, "1.0 MB"),
            (3_932_160, "3.9 MB"),
            (48_312_345, "48.3 MB"),
            (149_999_999, "150.0 MB"),
            (157_286_400, "157.3 MB"),
            (999_950_000, "1.0 GB"),
        ] {
            assert_eq!(size(bytes), shown);
        }
    }

    #[test]
    fn parts() {
        assert_eq!(part(0, 48_312_345), "0.0 of 48.3 MB");
        assert_eq!(part(48_312_344, 48_360_000), "48.3 of 48.4 MB");
        assert_eq!(part(48_360_000, 48_360_000), "48.4 of 48.4 MB");
        assert_eq!(part(7, 12), "7 of 12 B");
        assert_eq!(part(0, 0), "0 of 0 B");
    }

    #[test]
    fn percentages() {
        assert_eq!(percent(0, 0), 100);
        assert_eq!(percent(149_999_999, 150_000_000), 99);
        assert_eq!(percent(u64::MAX - 1, u64::MAX), 99);
    }

    #[test]
    fn times() {
        let ms = Duration::from_millis;
        assert_eq!(remaining(ms(0)), "0 s");
        assert_eq!(remaining(ms(11_001)), "12 s");
        assert_eq!(remaining(ms(65_000)), "1 min 05 s");
        assert_eq!(remaining(ms(3_720_000)), "1 h 02 min");
        assert_eq!(remaining(ms(90_000_000)), "1 d 01 h");
        assert_eq!(elapsed(ms(0)), "0.1 s");
        assert_eq!(elapsed(ms(432)), "0.4 s");
        assert_eq!(elapsed(ms(9_949)), "9.9 s");
        assert_eq!(elapsed(ms(9_950)), "10 s");
        assert_eq!(elapsed(ms(59_600)), "1 min 00 s");
        assert_eq!(rate(1_234_567.8), "1.2 MB/s");
        assert_eq!(rate(f64::NAN), "0 B/s");
    }

    proptest! {
        #[test]
        fn a_size_has_at_most_three_digits_before_the_point(bytes in 0u64..900_000_000_000_000) {
            let shown = size(bytes);
            prop_assert!(shown.split(['.', ' ']).next().unwrap().len() <= 3, "{}", shown);
        }

        #[test]
        fn nothing_overflows(a: u64, b: u64, seconds: u64, nanos in 0u32..1_000_000_000) {
            let time = Duration::new(seconds, nanos);
            for shown in [size(a), part(a, b), rate(a as f64), remaining(time), elapsed(time)] {
                prop_assert!(!shown.is_empty());
            }
            prop_assert!(percent(a, b) <= 100);
            prop_assert!((percent(a, b) == 100) == (a >= b));
        }
    }
}
