//! Sessions by the beginning of their id, as people type them. Pure.

use crate::{
    report::{self, CommandLine, ExitReport},
    session::Record,
};

/// The record whose id begins with `text`; `None` if no id does.
pub(super) fn by_prefix<'a>(
    text: &str,
    records: &'a [Record],
) -> report::Result<Option<&'a Record>> {
    let upper = text.to_ascii_uppercase();
    if upper.is_empty() {
        return Ok(None);
    }
    let found = records.iter();
    let found: Vec<&Record> = found
        .filter(|record| record.id.as_str().starts_with(&upper))
        .collect();
    match found.as_slice() {
        [] => Ok(None),
        [only] => Ok(Some(only)),
        several => {
            let ids: Vec<&str> = several.iter().map(|record| record.id.as_str()).collect();
            Err(ExitReport::usage(format!(
                "`{text}` is the beginning of {} sessions: {}",
                ids.len(),
                ids.join(", ")
            )))
        }
    }
}

/// The record whose id begins with `text`.
pub(super) fn find_session<'a>(text: &str, records: &'a [Record]) -> report::Result<&'a Record> {
    by_prefix(text, records)?.ok_or_else(|| unknown_session(text, records))
}

/// There is no such session, and no file of one; with the nearest id.
pub(super) fn unknown_session(text: &str, records: &[Record]) -> ExitReport {
    let upper = text.to_ascii_uppercase();
    let distance = |id: &str| strsim::damerau_levenshtein(&upper, id);
    let ids = records.iter().map(|record| record.id);
    let nearest = ids.min_by_key(|id| distance(id.as_str()));
    let mut report = ExitReport::not_found(format!("there is no session `{text}`"));
    if let Some(id) = nearest.filter(|id| distance(id.as_str()) <= 2) {
        report = report.advise(format!("did you mean {id}?"));
    }
    report.run(CommandLine::own("status"))
}
