//! Every request as a line: for people with `-vv`, and as JSON in the file that `--log-file` names.
//!
//! The records come from the transport, with every secret blanked; what is written here is what they hold and no
//! more. A file that cannot be written any more costs one warning, not the upload.

use crate::report::{ExitReport, USAGE};
use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use graph_upload::client::{RequestObserver, RequestRecord};
use serde::Serialize;

use super::Printer;

/// A log file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the log file `{}`: {source}", path.display())]
pub struct LogFile {
    /// The file.
    pub path: PathBuf,
    /// Why not.
    pub source: io::Error,
}

/// Writes requests down.
#[derive(Debug)]
pub struct RequestLog {
    printer: Printer,
    file: Option<Mutex<File>>,
    failed: AtomicBool,
}

impl RequestLog {
    /// Opens the file, if one is named: now, so that one that cannot be written is told before anything is done.
    pub fn new(printer: Printer, path: Option<&Path>) -> Result<Self, LogFile> {
        let file = path.map(|path| {
            open(path).map_err(|source| LogFile {
                path: path.to_owned(),
                source,
            })
        });
        Ok(RequestLog {
            printer,
            file: file.transpose()?.map(Mutex::new),
            failed: AtomicBool::new(false),
        })
    }

    fn write(&self, file: &Mutex<File>, record: &RequestRecord) {
        let Ok(mut line) = serde_json::to_vec(&Line::from(record)) else {
            return;
        };
        line.push(b'\n');
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        // One write, so that lines of several processes do not mix.
        if let Err(error) = file.write_all(&line)
            && !self.failed.swap(true, Ordering::Relaxed)
        {
            let what = format!("the log file cannot be written any more: {error}");
            self.printer.warn(&what);
        }
    }
}

/// Appends, for nobody else to read: hosts, mailboxes and ids are in it. A file that is there already is closed to
/// others too; what is not a file (`/dev/stderr`) stays as it is.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let metadata = file.metadata()?;
        let mut permissions = metadata.permissions();
        if metadata.is_file() && permissions.mode() & 0o077 != 0 {
            permissions.set_mode(0o600);
            file.set_permissions(permissions)?;
        }
    }
    Ok(file)
}

impl RequestObserver for RequestLog {
    fn request(&self, record: &RequestRecord) {
        self.printer.detail(2, &for_people(record));
        if let Some(file) = &self.file {
            self.write(file, record);
        }
    }
}

/// `PUT outlook.office.com/… 200, 412 ms, 3932160 B sent, 183 B received, request-id 8f5d…`.
fn for_people(record: &RequestRecord) -> String {
    let mut line = format!("{} {}{}", record.method, record.host, record.path);
    match (record.status, &record.error) {
        (Some(status), _) => line += &format!(" {status}"),
        (None, Some(error)) => line += &format!(" no answer ({error})"),
        (None, None) => line += " no answer",
    }
    line += &format!(
        ", {} ms, {} B sent, {} B received",
        record.elapsed.as_millis(),
        record.sent,
        record.received
    );
    if record.attempt > 1 {
        line += &format!(", attempt {}", record.attempt);
    }
    if let Some(id) = &record.request_id {
        line += &format!(", request-id {id}");
    }
    if let Some(id) = &record.client_request_id {
        line += &format!(", client-request-id {id}");
    }
    line
}

/// A line of the file. Fields are only ever added.
#[derive(Serialize)]
struct Line<'a> {
    time: String,
    method: &'a str,
    host: &'a str,
    path: &'a str,
    status: Option<u16>,
    ms: u64,
    sent: u64,
    received: u64,
    request_id: Option<&'a str>,
    attempt: u32,
    client_request_id: Option<&'a str>,
    error: Option<&'a str>,
}

impl<'a> From<&'a RequestRecord> for Line<'a> {
    fn from(record: &'a RequestRecord) -> Self {
        Line {
            time: format!("{:.3}", record.time),
            method: &record.method,
            host: &record.host,
            path: &record.path,
            status: record.status,
            ms: u64::try_from(record.elapsed.as_millis()).unwrap_or(u64::MAX),
            sent: record.sent,
            received: record.received,
            request_id: record.request_id.as_deref(),
            attempt: record.attempt,
            client_request_id: record.client_request_id.as_deref(),
            error: record.error.as_deref(),
        }
    }
}

impl From<LogFile> for ExitReport {
    fn from(error: LogFile) -> Self {
        ExitReport::new(USAGE, "LogFile", error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, time::Duration};

    use super::*;
    use crate::terminal::{Options, test_terminal::TestTerminal};

    fn record() -> RequestRecord {
        RequestRecord {
            time: "2026-11-27T10:00:00.1234567Z".parse().unwrap(),
            method: "PUT".into(),
            host: "outlook.office.com".into(),
            path: "/…".into(),
            status: Some(200),
            elapsed: Duration::from_micros(412_300),
            sent: 3_932_160,
            received: 183,
            request_id: Some("8f5d".into()),
            client_request_id: Some("c1".into()),
            attempt: 2,
            error: None,
        }
    }

    #[test]
    fn a_line_for_people_shows_at_the_second_v_only() {
        for (verbose, shown) in [(1, false), (2, true)] {
            let terminal = TestTerminal::file(Options {
                verbose,
                ..Options::default()
            });
            let log = RequestLog::new(terminal.printer.clone(), None).unwrap();
            log.request(&record());
            let text = terminal.err.text();
            assert_eq!(!text.is_empty(), shown);
            if shown {
                insta::assert_snapshot!(text, @"PUT outlook.office.com/… 200, 412 ms, 3932160 B sent, 183 B received, attempt 2, request-id 8f5d, client-request-id c1");
            }
        }
    }

    #[test]
    fn the_file_is_appended_to_and_closed_to_others() {
        use std::os::unix::fs::PermissionsExt;
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("log");
        let terminal = TestTerminal::file(Options::default());
        fs::write(&path, "earlier\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let lost = RequestRecord {
            status: None,
            request_id: None,
            error: Some("the connection broke".into()),
            ..record()
        };
        for one in [record(), lost] {
            let log = RequestLog::new(terminal.printer.clone(), Some(&path)).unwrap();
            log.request(&one);
        }
        insta::assert_snapshot!(fs::read_to_string(&path).unwrap(), @r#"
        earlier
        {"time":"2026-11-27T10:00:00.123Z","method":"PUT","host":"outlook.office.com","path":"/…","status":200,"ms":412,"sent":3932160,"received":183,"request_id":"8f5d","attempt":2,"client_request_id":"c1","error":null}
        {"time":"2026-11-27T10:00:00.123Z","method":"PUT","host":"outlook.office.com","path":"/…","status":null,"ms":412,"sent":3932160,"received":183,"request_id":null,"attempt":2,"client_request_id":"c1","error":"the connection broke"}
        "#);
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(terminal.err.text(), "");
    }

    #[test]
    fn a_file_that_cannot_be_written_is_told_at_once_and_one_that_fills_up_once() {
        let home = tempfile::tempdir().unwrap();
        let terminal = TestTerminal::file(Options::default());
        let new = |path: &Path| RequestLog::new(terminal.printer.clone(), Some(path));
        let missing = home.path().join("missing/log");
        let error = new(&missing).unwrap_err().to_string();
        assert!(error.contains("missing/log"), "{error}");
        if let Ok(log) = new(Path::new("/dev/full")) {
            log.request(&record());
            log.request(&record());
            let text = terminal.err.text();
            assert_eq!(
                text.matches("the log file cannot be written").count(),
                1,
                "{text}"
            );
        }
    }
}
