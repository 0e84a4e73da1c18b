//! How long to wait before the next try. Pure: returns a delay, never sleeps.

use std::time::Duration;

use crate::ErrorKind;

/// First wait after a broken connection: most are gone at once.
const NETWORK: Duration = Duration::from_millis(500);
/// First wait after a 5xx that names no time.
const SERVER: Duration = Duration::from_secs(1);
/// First wait after a 429 that names no time; Microsoft's own clients begin at 3 s.
const THROTTLED: Duration = Duration::from_secs(4);
/// Longest wait of our own choice. The limits of the service are counted over 5 and 10 minutes, so
/// ten tries at this pace outlast them.
const LONGEST: Duration = Duration::from_secs(60);

/// Default for `--max-retries`: with the waits above, about 3 minutes without any progress.
pub const MAX_RETRIES: u32 = 10;

/// The wait before retry number `attempt` (from 1) after an error of `kind`.
///
/// `asked` is the service's `Retry-After`; it is honoured, and from the second attempt on not
/// believed to be enough: a throttled service often says 1 and means 60. `roll` in `0.0..1.0` is
/// the jitter, which keeps clients that failed together from coming back together.
pub fn delay(kind: ErrorKind, attempt: u32, asked: Option<Duration>, roll: f64) -> Duration {
    let base = match kind {
        ErrorKind::Throttled => THROTTLED,
        ErrorKind::Unavailable | ErrorKind::Conflict | ErrorKind::NotFound => SERVER,
        _ => NETWORK,
    };
    let own = |attempt: u32| {
        let doubled = base
            .saturating_mul(1 << attempt.saturating_sub(1).min(16))
            .min(LONGEST);
        doubled.mul_f64(0.5 + roll.clamp(0.0, 1.0) / 2.0)
    };
    match asked {
        None => own(attempt),
        Some(asked) if attempt <= 1 => asked,
        Some(asked) => asked.max(own(attempt - 1)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_named_time_is_honoured() {
        let asked = Some(Duration::from_secs(30));
        assert_eq!(
            delay(ErrorKind::Throttled, 1, asked, 0.5),
            Duration::from_secs(30)
        );
        assert_eq!(
            delay(ErrorKind::Throttled, 1, Some(Duration::ZERO), 0.5),
            Duration::ZERO
        );
    }

    #[test]
    fn a_named_time_that_was_not_enough_is_stretched() {
        let asked = Some(Duration::from_secs(1));
        assert!(delay(ErrorKind::Throttled, 5, asked, 1.0) >= Duration::from_secs(30));
    }

    proptest! {
        #[test]
        fn own_waits_grow_and_are_bounded(attempt in 1u32..100, roll in 0.0f64..1.0) {
            for kind in [ErrorKind::Lost, ErrorKind::Throttled, ErrorKind::Unavailable] {
                let wait = delay(kind, attempt, None, roll);
                prop_assert!(wait <= LONGEST);
                prop_assert!(wait >= NETWORK / 2);
                prop_assert!(delay(kind, attempt + 1, None, 0.0) * 2 >= delay(kind, attempt, None, 0.0));
            }
        }

        #[test]
        fn never_shorter_than_asked(attempt in 1u32..50, secs in 0u64..600, roll in 0.0f64..1.0) {
            let asked = Duration::from_secs(secs);
            prop_assert!(delay(ErrorKind::Throttled, attempt, Some(asked), roll) >= asked);
        }
    }
}
