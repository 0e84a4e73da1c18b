//! Which row is next: never two on one item, never more than four of one mailbox, and others while one
//! waits. Pure.

use std::collections::{HashMap, HashSet, VecDeque};

/// Requests of one app on one mailbox at a time. Source: Graph's throttling page. A row makes one at a
/// time.
pub(super) const PER_MAILBOX: usize = 4;

/// Most rows under way, waiting ones included, for each that may be at work.
const WAITING: usize = 8;

/// One row, as far as its turn depends on it.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) mailbox: Option<String>,
    /// The existing item that it is about.
    pub(super) item: Option<String>,
}

/// The rows that are left, and those under way.
#[derive(Debug)]
pub(super) struct Schedule {
    entries: Vec<Entry>,
    queues: Vec<VecDeque<usize>>,
    next: usize,
    running: HashMap<Option<String>, usize>,
    items: HashSet<(Option<String>, String)>,
    under_way: usize,
    jobs: usize,
}

impl Schedule {
    /// The rows in their order; mailboxes take turns.
    pub(super) fn new(entries: Vec<Entry>, jobs: usize) -> Self {
        let mut places: HashMap<Option<String>, usize> = HashMap::new();
        let mut queues: Vec<VecDeque<usize>> = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            let place = *places.entry(entry.mailbox.clone()).or_insert_with(|| {
                queues.push(VecDeque::new());
                queues.len() - 1
            });
            queues[place].push_back(index);
        }
        Schedule {
            entries,
            queues,
            next: 0,
            running: HashMap::new(),
            items: HashSet::new(),
            under_way: 0,
            jobs,
        }
    }

    /// The next row, while `waiting` of those under way do nothing but wait.
    pub(super) fn next(&mut self, waiting: usize) -> Option<usize> {
        let working = self.under_way.saturating_sub(waiting);
        if working >= self.jobs || self.under_way >= self.jobs * WAITING {
            return None;
        }
        for _ in 0..self.queues.len() {
            let place = self.next % self.queues.len();
            self.next = place + 1;
            let Some(&index) = self.queues[place].front() else {
                continue;
            };
            let Entry { mailbox, item } = &self.entries[index];
            let full = self
                .running
                .get(mailbox)
                .is_some_and(|count| *count >= PER_MAILBOX);
            let item = item.clone().map(|item| (mailbox.clone(), item));
            if full || item.as_ref().is_some_and(|item| self.items.contains(item)) {
                continue;
            }
            self.queues[place].pop_front();
            *self.running.entry(mailbox.clone()).or_default() += 1;
            self.items.extend(item);
            self.under_way += 1;
            return Some(index);
        }
        None
    }

    /// A row is done with.
    pub(super) fn done(&mut self, index: usize) {
        let Entry { mailbox, item } = &self.entries[index];
        if let Some(count) = self.running.get_mut(mailbox) {
            *count = count.saturating_sub(1);
        }
        if let Some(item) = item {
            self.items.remove(&(mailbox.clone(), item.clone()));
        }
        self.under_way = self.under_way.saturating_sub(1);
    }

    /// The rows that were not begun.
    pub(super) fn rest(&self) -> Vec<usize> {
        let mut rest: Vec<usize> = self.queues.iter().flatten().copied().collect();
        rest.sort_unstable();
        rest
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry(mailbox: usize, item: Option<usize>) -> Entry {
        Entry {
            mailbox: Some(format!("m{mailbox}")),
            item: item.map(|item| format!("i{item}")),
        }
    }

    #[test]
    fn mailboxes_take_turns_and_a_waiting_one_holds_up_nobody() {
        let entries = (0..40)
            .map(|row| entry(usize::from(row >= 20), None))
            .collect();
        let mut schedule = Schedule::new(entries, 6);
        let first: Vec<_> = std::iter::from_fn(|| schedule.next(0)).collect();
        assert_eq!(first, [0, 20, 1, 21, 2, 22]);
        // All of the first mailbox's wait: the other one gets what it may have.
        assert_eq!(schedule.next(3), Some(3));
        assert_eq!(schedule.next(4), Some(23));
        assert_eq!(schedule.next(4), None, "four of each are under way");
        schedule.done(20);
        assert_eq!(schedule.next(4), Some(24));
    }

    proptest! {
        #[test]
        fn every_row_runs_once_within_the_limits(
            rows in prop::collection::vec((0usize..4, prop::option::of(0usize..3)), 0..60),
            jobs in 1usize..8,
            picks in prop::collection::vec(any::<prop::sample::Index>(), 60),
        ) {
            let entries: Vec<Entry> = rows.iter().map(|(mailbox, item)| entry(*mailbox, *item)).collect();
            let mut schedule = Schedule::new(entries.clone(), jobs);
            let (mut running, mut seen) = (Vec::new(), HashSet::new());
            for pick in picks {
                while let Some(index) = schedule.next(0) {
                    prop_assert!(seen.insert(index));
                    running.push(index);
                }
                prop_assert!(running.len() <= jobs);
                for index in &running {
                    let of_mailbox = running.iter().filter(|other| entries[**other].mailbox == entries[*index].mailbox);
                    prop_assert!(of_mailbox.count() <= PER_MAILBOX);
                    let same = running.iter().filter(|other| {
                        let (a, b) = (&entries[**other], &entries[*index]);
                        a.item.is_some() && a.item == b.item && a.mailbox == b.mailbox
                    });
                    prop_assert!(same.count() <= 1);
                }
                if running.is_empty() {
                    break;
                }
                let index = running.swap_remove(pick.index(running.len()));
                schedule.done(index);
            }
            prop_assert_eq!(seen.len() + schedule.rest().len(), rows.len());
        }
    }
}
