//! How long a batch must take by the limits of the service, and which limit decides. Pure.

use std::{collections::HashMap, time::Duration};

/// Most recipients of a mailbox in a day. Source: Exchange Online limits.
pub const RECIPIENTS_A_DAY: u64 = 10_000;

/// Requests of one app on one mailbox in ten minutes. Source: Graph's throttling page.
const REQUESTS: u64 = 10_000;
const REQUESTS_WINDOW: Duration = Duration::from_secs(600);

/// Bytes in five minutes, likewise.
const BYTES_WINDOW: Duration = Duration::from_secs(300);

/// Mails go out by the minute.
const SENDS_WINDOW: Duration = Duration::from_secs(60);

/// What is to go to one mailbox.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Load {
    /// Mails to send.
    pub sends: u64,
    /// Their recipients.
    pub recipients: u64,
    /// Bytes of files.
    pub bytes: u64,
    /// Requests, about.
    pub requests: u64,
}

/// What decides how long it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deciding {
    /// Mails a minute and mailbox.
    SendRate,
    /// Bytes in five minutes and mailbox.
    Volume,
    /// Requests in ten minutes and mailbox.
    Requests,
}

/// How long it takes at least.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Estimate {
    /// By the limits alone; the network comes on top.
    pub least: Duration,
    /// What decides, unless nothing does.
    pub deciding: Option<Deciding>,
    /// The mailbox that takes longest.
    pub mailbox: Option<String>,
    /// Mailboxes that would have more recipients than a day allows.
    pub over_a_day: Vec<(Option<String>, u64)>,
}

/// The limits that hold; nought is none.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Mails a minute and mailbox.
    pub sends: u64,
    /// Bytes in five minutes and mailbox.
    pub bytes: u64,
}

/// After how many windows the last of `count` can go, when each takes `limit` at once.
fn windows(count: u64, limit: u64, window: Duration) -> Duration {
    let full = count.saturating_sub(1).checked_div(limit).unwrap_or(0);
    window.saturating_mul(u32::try_from(full).unwrap_or(u32::MAX))
}

/// How long these loads take at least.
pub fn estimate(loads: &HashMap<Option<String>, Load>, limits: Limits) -> Estimate {
    let mut estimate = Estimate {
        least: Duration::ZERO,
        deciding: None,
        mailbox: None,
        over_a_day: Vec::new(),
    };
    // In a fixed order, so that two equal mailboxes give one answer.
    let mut loads: Vec<_> = loads.iter().collect();
    loads.sort_by_key(|(mailbox, _)| *mailbox);
    for (mailbox, load) in loads {
        if load.recipients > RECIPIENTS_A_DAY {
            estimate.over_a_day.push((mailbox.clone(), load.recipients));
        }
        let times = [
            (
                Deciding::SendRate,
                windows(load.sends, limits.sends, SENDS_WINDOW),
            ),
            (
                Deciding::Volume,
                windows(load.bytes, limits.bytes, BYTES_WINDOW),
            ),
            (
                Deciding::Requests,
                windows(load.requests, REQUESTS, REQUESTS_WINDOW),
            ),
        ];
        for (deciding, least) in times {
            if least > estimate.least {
                estimate.least = least;
                estimate.deciding = Some(deciding);
                estimate.mailbox.clone_from(mailbox);
            }
        }
    }
    estimate
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: Limits = Limits {
        sends: 30,
        bytes: 150_000_000,
    };

    fn of(load: Load) -> Estimate {
        estimate(&HashMap::from([(None, load)]), LIMITS)
    }

    #[test]
    fn the_limit_that_decides_is_named() {
        let sends = of(Load {
            sends: 1_000,
            bytes: 1_000_000_000,
            ..Load::default()
        });
        // 33 full minutes against 6 full windows of 5 minutes.
        assert_eq!(
            (sends.least.as_secs(), sends.deciding),
            (33 * 60, Some(Deciding::SendRate))
        );
        let volume = of(Load {
            sends: 100,
            bytes: 2_000_000_000,
            ..Load::default()
        });
        assert_eq!(
            (volume.least.as_secs(), volume.deciding),
            (13 * 300, Some(Deciding::Volume))
        );
        let little = of(Load {
            sends: 30,
            bytes: 150_000_000,
            requests: 100,
            recipients: 30,
        });
        assert_eq!((little.least, little.deciding), (Duration::ZERO, None));
    }

    #[test]
    fn ten_thousand_rows_for_one_mailbox_are_more_than_a_day() {
        let all = of(Load {
            sends: 10_001,
            recipients: 10_001,
            ..Load::default()
        });
        assert_eq!(all.over_a_day, [(None, 10_001)]);
        assert_eq!(all.least.as_secs(), 333 * 60);
    }

    proptest! {
        #[test]
        fn any_load_has_an_estimate(sends: u64, recipients: u64, bytes: u64, requests: u64, limit in 0u64..100) {
            let load = Load { sends, recipients, bytes, requests };
            let limits = Limits { sends: limit, bytes: limit };
            let _ = estimate(&HashMap::from([(Some("a".to_owned()), load)]), limits);
        }
    }
}
