//! Whose turn it is to send: so many mails a minute and mailbox, as a sliding window.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::store::TurnLog;

/// The window. Source: Exchange Online limits ("30 messages per minute").
const WINDOW: Duration = Duration::from_secs(60);

/// The sends of one mailbox.
#[derive(Debug)]
pub struct SendPacer {
    limit: usize,
    /// Shared with other processes, if there is a place for it.
    shared: Option<TurnLog>,
    own: Mutex<VecDeque<Instant>>,
}

impl SendPacer {
    /// At most `limit` a minute; nought is no limit.
    pub fn new(limit: usize, shared: Option<TurnLog>) -> Self {
        SendPacer {
            limit,
            shared,
            own: Mutex::default(),
        }
    }

    /// Takes the turn; or says after how long to ask again.
    pub fn take(&self) -> Result<(), Duration> {
        if self.limit == 0 {
            return Ok(());
        }
        if let Some(Ok(shared)) = self.shared.as_ref().map(|log| log.take(self.limit, WINDOW)) {
            return shared;
        }
        self.take_own(Instant::now())
    }

    /// The same without other processes: there is no log, or it cannot be used.
    fn take_own(&self, now: Instant) -> Result<(), Duration> {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        while own
            .front()
            .is_some_and(|at| now.duration_since(*at) >= WINDOW)
        {
            own.pop_front();
        }
        match own.front() {
            Some(first) if own.len() >= self.limit => Err(WINDOW - now.duration_since(*first)),
            _ => {
                own.push_back(now);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_slides() {
        let pacer = SendPacer::new(2, None);
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(pacer.take_own(at(0)), Ok(()));
        assert_eq!(pacer.take_own(at(10)), Ok(()));
        assert_eq!(pacer.take_own(at(20)), Err(Duration::from_secs(40)));
        assert_eq!(pacer.take_own(at(60)), Ok(()));
        assert_eq!(pacer.take_own(at(61)), Err(Duration::from_secs(9)));
        assert_eq!(SendPacer::new(0, None).take(), Ok(()));
    }
}
