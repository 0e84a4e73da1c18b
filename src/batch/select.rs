//! Which rows: of a shard, of a list, of an earlier report, or the first few to somebody else. Pure.

use std::str::FromStr;

use crate::digest::Digest;

/// One part of the mailboxes: `2/16`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    index: u64,
    of: u64,
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/');
        let parsed = parts.and_then(|(index, of)| Some((index.parse().ok()?, of.parse().ok()?)));
        match parsed {
            Some((index, of)) if index < of => Ok(Shard { index, of }),
            Some((_, 0)) => Err("there are no shards: a shard looks like `0/16`".to_owned()),
            Some((index, of)) => Err(format!(
                "shards count from 0: the last of {of} is `{}/{of}`, and `{index}/{of}` does not exist",
                of - 1
            )),
            None => Err("a shard looks like `0/16`".to_owned()),
        }
    }
}

impl Shard {
    /// Whether a mailbox belongs to it. All rows of one mailbox are in one shard, so that its limits
    /// can be kept there.
    pub fn has(&self, mailbox: Option<&str>) -> bool {
        let name = mailbox.unwrap_or_default().to_lowercase();
        let digest = Digest::of(name.as_bytes()).to_string();
        let hash = u64::from_str_radix(&digest[..16], 16).unwrap_or_default();
        hash % self.of == self.index
    }
}

/// `--only 3,7-9`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rows(Vec<(usize, usize)>);

impl FromStr for Rows {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a list of rows such as `3,7-9`");
        let number = |text: &str| text.trim().parse().ok().filter(|n: &usize| *n > 0);
        let mut ranges = Vec::new();
        for part in text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            match (number(first), number(last)) {
                (Some(first), Some(last)) if first <= last => ranges.push((first, last)),
                _ => return Err(wrong()),
            }
        }
        match ranges.is_empty() {
            true => Err(wrong()),
            false => Ok(Rows(ranges)),
        }
    }
}

impl Rows {
    /// Whether it names the row.
    pub fn has(&self, row: usize) -> bool {
        self.0
            .iter()
            .any(|(first, last)| (*first..=*last).contains(&row))
    }

    /// The rows that it names beyond the last of `rows`.
    pub fn beyond(&self, rows: usize) -> Option<usize> {
        let last = self.0.iter().map(|(_, last)| *last).max();
        last.filter(|last| *last > rows)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn shards_count_from_nought() {
        assert!("0/4".parse::<Shard>().is_ok() && "3/4".parse::<Shard>().is_ok());
        let error = "4/4".parse::<Shard>().unwrap_err();
        assert!(error.contains("the last of 4 is `3/4`"), "{error}");
        for text in ["0/0", "", "1", "a/b", "-1/4", "1/4/2"] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
    }

    #[test]
    fn lists_of_rows() {
        let rows: Rows = "3, 7-9".parse().unwrap();
        let named: Vec<usize> = (1..12).filter(|row| rows.has(*row)).collect();
        assert_eq!(named, [3, 7, 8, 9]);
        assert_eq!((rows.beyond(9), rows.beyond(8)), (None, Some(9)));
        for text in ["", "0", "3-1", "x", "1-", ","] {
            assert!(text.parse::<Rows>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_mailbox_is_in_exactly_one_shard(mailbox in prop::option::of(".{0,30}"), of in 1u64..40) {
            let shards = (0..of).filter(|index| Shard { index: *index, of }.has(mailbox.as_deref()));
            prop_assert_eq!(shards.count(), 1);
        }

        #[test]
        fn a_mailbox_is_found_in_any_case(mailbox in "[a-zA-Z@.]{1,20}", of in 1u64..40) {
            for index in 0..of {
                let shard = Shard { index, of };
                prop_assert_eq!(shard.has(Some(&mailbox)), shard.has(Some(&mailbox.to_uppercase())));
            }
        }
    }
}
