//! Chance, from a seed where one is given: so that a test sees the same ids, delays and faults every time.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use uuid::Uuid;

/// A wait that is drawn anew each time: any time from `min` to `max`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Delay {
    /// The shortest.
    pub min: Duration,
    /// The longest.
    pub max: Duration,
}

impl Delay {
    /// Always the same.
    pub fn fixed(time: Duration) -> Self {
        Delay {
            min: time,
            max: time,
        }
    }

    /// Any time up to `max`.
    pub fn up_to(max: Duration) -> Self {
        Delay {
            min: Duration::ZERO,
            max,
        }
    }

    /// Whether it never waits.
    pub fn is_zero(&self) -> bool {
        self.max.is_zero()
    }
}

/// Why a text is not a delay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("give milliseconds, such as 250, or a range of them, such as 0-3000")]
pub struct BadDelay;

impl std::str::FromStr for Delay {
    type Err = BadDelay;

    fn from_str(text: &str) -> Result<Self, BadDelay> {
        let number = |text: &str| text.trim().parse().map(Duration::from_millis);
        let (min, max) = text.split_once('-').unwrap_or((text, text));
        match (number(min), number(max)) {
            (Ok(min), Ok(max)) if min <= max => Ok(Delay { min, max }),
            _ => Err(BadDelay),
        }
    }
}

impl std::fmt::Display for Delay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.min == self.max {
            true => write!(f, "{}", self.max.as_millis()),
            false => write!(f, "{}-{}", self.min.as_millis(), self.max.as_millis()),
        }
    }
}

/// A source of chance that requests share.
#[derive(Debug)]
pub(crate) struct Random(Mutex<fastrand::Rng>);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Random(Mutex::new(fastrand::Rng::with_seed(seed)))
    }

    fn with<T>(&self, draw: impl FnOnce(&mut fastrand::Rng) -> T) -> T {
        draw(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn uuid(&self) -> Uuid {
        self.with(uuid)
    }

    /// True as often as `rate` says, from 0 to 1.
    pub(crate) fn chance(&self, rate: f64) -> bool {
        rate > 0.0 && self.with(fastrand::Rng::f64) < rate
    }

    /// One of so many.
    pub(crate) fn index(&self, len: usize) -> usize {
        self.with(|rng| rng.usize(..len.max(1)))
    }
}

/// A wait between the two ends of `delay`.
pub(crate) fn draw(rng: &mut fastrand::Rng, delay: Delay) -> Duration {
    if delay.min >= delay.max {
        return delay.max;
    }
    let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    Duration::from_nanos(rng.u64(nanos(delay.min)..=nanos(delay.max)))
}

/// A version 4 UUID.
pub(crate) fn uuid(rng: &mut fastrand::Rng) -> Uuid {
    uuid::Builder::from_random_bytes(rng.u128(..).to_be_bytes()).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_reads_back() {
        for text in ["0", "250", "0-3000", "5-5000"] {
            assert_eq!(
                text.parse::<Delay>().map(|d| d.to_string()),
                Ok(text.to_owned())
            );
        }
        for text in ["", "-", "5-", "-5", "7-5", "1.5", "a-b"] {
            assert_eq!(text.parse::<Delay>(), Err(BadDelay), "{text}");
        }
    }

    #[test]
    fn the_same_seed_is_the_same_chance() {
        let (a, b) = (Random::new(7), Random::new(7));
        let delay = Delay::up_to(Duration::from_secs(3));
        for seed in 0..100 {
            assert_eq!(a.uuid(), b.uuid());
            let drawn = draw(&mut fastrand::Rng::with_seed(seed), delay);
            assert!(drawn <= delay.max);
            assert_eq!(drawn, draw(&mut fastrand::Rng::with_seed(seed), delay));
            assert_eq!(a.chance(0.5), b.chance(0.5));
        }
        assert!(!a.chance(0.0) && a.chance(1.1));
        assert_ne!(Random::new(8).uuid(), Random::new(9).uuid());
    }
}
