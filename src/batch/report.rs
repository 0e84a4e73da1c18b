//! The report: a table of what became of each row, a line as soon as its row is done.

use std::{collections::HashSet, fs, io, path::Path};

use serde::{Deserialize, Serialize};

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Done by this command.
    Done,
    /// Done before.
    Already,
    /// Done before, with another text or other content.
    Differs,
    /// Not done.
    Failed,
    /// Perhaps sent: nothing could be found out.
    Unknown,
    /// Not tried.
    Skipped,
}

/// One line of the report.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    /// The row's number.
    pub row: usize,
    /// Its key.
    pub key: String,
    /// Whom it is for.
    pub to: String,
    /// What became of it.
    pub status: Status,
    /// The message's id.
    pub message: String,
    /// The attachments' ids, divided by blanks.
    pub attachments: String,
    /// What a command for this row alone would have ended with.
    pub exit_code: u8,
    /// Why it is not done.
    pub error: String,
}

/// The columns, in order.
const HEADER: [&str; 8] = [
    "row",
    "key",
    "to",
    "status",
    "message",
    "attachments",
    "exit_code",
    "error",
];

/// A report that is being written.
pub struct Report {
    writer: csv::Writer<fs::File>,
}

impl Report {
    /// Begins a report in place of an earlier one. An error here is one before anything was done.
    pub fn create(path: &Path) -> io::Result<Self> {
        let file = fs::File::create(path)?;
        let mut writer = csv::WriterBuilder::new()
            .has_headers(false)
            .from_writer(file);
        writer.write_record(HEADER)?;
        writer.flush()?;
        Ok(Report { writer })
    }

    /// Adds a line, and hands it to the system: it is there whatever ends the command.
    pub fn add(&mut self, line: &Line) -> io::Result<()> {
        self.writer.serialize(line)?;
        self.writer.flush()
    }
}

/// The keys of the rows that an earlier report says are not done.
pub fn failed_keys(path: &Path) -> io::Result<HashSet<String>> {
    let bytes = fs::read(path)?;
    failed(&bytes)
}

fn failed(bytes: &[u8]) -> io::Result<HashSet<String>> {
    #[derive(Deserialize)]
    struct Earlier {
        key: String,
        status: Status,
    }
    let mut keys = HashSet::new();
    let mut reader = csv::Reader::from_reader(bytes);
    for line in reader.deserialize() {
        let Earlier { key, status } = line?;
        match status {
            Status::Failed | Status::Unknown | Status::Skipped => keys.insert(key),
            // A report may hold a row twice when it was copied together: the last word counts.
            Status::Done | Status::Already | Status::Differs => keys.remove(&key),
        };
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(key: &str, status: Status) -> Line {
        Line {
            row: 1,
            key: key.to_owned(),
            to: "ann@a.com, bob@a.com".to_owned(),
            status,
            message: "AAMk=".to_owned(),
            attachments: "A B".to_owned(),
            exit_code: 0,
            error: "it \"broke\",\nreally".to_owned(),
        }
    }

    #[test]
    fn a_report_is_there_line_by_line_and_read_again() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("report.csv");
        let mut report = Report::create(&path).unwrap();
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            "row,key,to,status,message,attachments,exit_code,error\n"
        );
        report.add(&line("a", Status::Done)).unwrap();
        report.add(&line("b", Status::Failed)).unwrap();
        report.add(&line("c", Status::Unknown)).unwrap();
        report.add(&line("d", Status::Skipped)).unwrap();
        let keys = failed_keys(&path).unwrap();
        assert_eq!(keys, ["b", "c", "d"].map(str::to_owned).into());
        // The next run begins it anew.
        drop(Report::create(&path).unwrap());
        assert!(failed_keys(&path).unwrap().is_empty());
        assert!(Report::create(&home.path().join("no/report.csv")).is_err());
    }

    #[test]
    fn what_is_not_a_report_is_an_error() {
        assert!(failed(b"a,b\n1,2\n").is_err());
        assert!(failed(b"key,status\nk,excellent\n").is_err());
    }
}
