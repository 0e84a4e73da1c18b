//! A manifest: a table in CSV or JSON Lines, read into rows. Pure.
//!
//! Rows are counted from 1 without the header. A row that cannot be read is a row all the same, with the
//! reason in the place of its columns: one broken line must not hide the others.

use std::{fmt, sync::Arc};

use serde_json::{Map, Value};

/// How a manifest is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// CSV with a header.
    Csv,
    /// One JSON object on each line.
    JsonLines,
}

/// A row's number, and the line that it begins on; both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Without the header.
    pub row: usize,
    /// With it.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "row {} (line {})", self.row, self.line)
    }
}

/// One row.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Where it stands.
    pub place: Place,
    /// Its columns, or why it has none.
    pub columns: Result<Columns, String>,
}

/// The columns of one row.
#[derive(Debug, Clone, PartialEq)]
pub enum Columns {
    /// Of a CSV: the header is shared by all rows.
    Table(Arc<Vec<String>>, csv::StringRecord),
    /// Of JSON Lines.
    Object(Map<String, Value>),
}

impl Columns {
    /// A column's text; `None` when there is no such column, or nothing in it.
    pub fn text(&self, name: &str) -> Option<String> {
        let text = match self {
            Columns::Table(header, record) => {
                let index = header.iter().position(|column| column == name)?;
                record.get(index)?.to_owned()
            }
            Columns::Object(object) => plain(object.get(name)?)?,
        };
        (!text.trim().is_empty()).then_some(text)
    }

    /// A column's list: of a JSON array, or of a text that `separators` divide.
    pub fn list(&self, name: &str, separators: &[char]) -> Vec<String> {
        if let Columns::Object(object) = self
            && let Some(Value::Array(entries)) = object.get(name)
        {
            return entries.iter().filter_map(plain).collect();
        }
        let text = self.text(name).unwrap_or_default();
        // A JSON text is one entry: it needs no separator, because JSON has arrays.
        let parts: Vec<&str> = match self {
            Columns::Table(..) => text.split(separators).collect(),
            Columns::Object(_) => vec![text.as_str()],
        };
        let parts = parts.into_iter().map(str::trim);
        parts
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect()
    }

    /// Whether a column of this name exists.
    pub fn has(&self, name: &str) -> bool {
        match self {
            Columns::Table(header, _) => header.iter().any(|column| column == name),
            Columns::Object(object) => object.contains_key(name),
        }
    }

    /// Everything, as a template sees it.
    pub fn values(&self) -> minijinja::Value {
        match self {
            Columns::Table(header, record) => {
                header.iter().map(String::as_str).zip(record).collect()
            }
            Columns::Object(object) => minijinja::Value::from_serialize(object),
        }
    }
}

/// A scalar as text.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(bool) => Some(bool.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A manifest that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// In the order of the file.
    pub rows: Vec<Row>,
    /// The delimiter of a CSV.
    pub delimiter: Option<char>,
}

impl Manifest {
    /// What divides the entries of a `files` column. Where `;` divides columns, only `|` is left.
    pub fn separators(&self) -> &'static [char] {
        match self.delimiter {
            Some(';') => &['|'],
            _ => &[';', '|'],
        }
    }
}

/// Why a whole manifest cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Nothing in it.
    #[error("it is empty")]
    Empty,
    /// A header, and nothing below it.
    #[error("it has a header and no rows")]
    NoRows,
    /// Two columns of one name.
    #[error("it has two columns `{0}`")]
    TwiceNamed(String),
}

/// Reads a manifest. Without a `format`, one that begins with `{` is JSON Lines.
pub fn read(text: &str, format: Option<Format>) -> Result<Manifest, Unreadable> {
    if text.trim().is_empty() {
        return Err(Unreadable::Empty);
    }
    let json = text.trim_start().starts_with('{');
    let format = format.unwrap_or(if json { Format::JsonLines } else { Format::Csv });
    let manifest = match format {
        Format::JsonLines => json_lines(text),
        Format::Csv => table(text)?,
    };
    match manifest.rows.is_empty() {
        true => Err(Unreadable::NoRows),
        false => Ok(manifest),
    }
}

fn json_lines(text: &str) -> Manifest {
    let lines = text.lines().enumerate();
    let lines = lines.filter(|(_, line)| !line.trim().is_empty());
    let rows = lines.enumerate().map(|(index, (line, text))| Row {
        place: Place {
            row: index + 1,
            line: line + 1,
        },
        columns: object(text),
    });
    Manifest {
        rows: rows.collect(),
        delimiter: None,
    }
}

fn object(text: &str) -> Result<Columns, String> {
    match serde_json::from_str(text) {
        Ok(Value::Object(object)) => Ok(Columns::Object(object)),
        Ok(_) => Err("it is not a JSON object".to_owned()),
        Err(error) => Err(format!("it is not valid JSON: {error}")),
    }
}

fn table(text: &str) -> Result<Manifest, Unreadable> {
    let delimiter = delimiter(text);
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter as u8)
        // A row of another length is told with its number, not by the reader.
        .flexible(true)
        .has_headers(false)
        .from_reader(text.as_bytes());
    let mut lines = Lines::new(text);
    let mut header: Option<Arc<Vec<String>>> = None;
    let mut rows = Vec::new();
    let mut record = csv::StringRecord::new();
    // The text is valid UTF-8, which is all that this reader can object to.
    while matches!(reader.read_record(&mut record), Ok(true)) {
        let start = record.position().map_or(0, csv::Position::byte);
        let line = lines.at(start as usize);
        let Some(names) = &header else {
            header = Some(Arc::new(names(&record)?));
            continue;
        };
        if record.iter().all(|field| field.trim().is_empty()) {
            continue;
        }
        let place = Place {
            row: rows.len() + 1,
            line,
        };
        let columns = match (record.len(), names.len()) {
            (found, wanted) if found == wanted => {
                Ok(Columns::Table(Arc::clone(names), record.clone()))
            }
            (found, wanted) => Err(format!(
                "it has {found} columns, and the header has {wanted}"
            )),
        };
        rows.push(Row { place, columns });
    }
    Ok(Manifest {
        rows,
        delimiter: Some(delimiter),
    })
}

fn names(record: &csv::StringRecord) -> Result<Vec<String>, Unreadable> {
    let names: Vec<String> = record.iter().map(|name| name.trim().to_owned()).collect();
    for (index, name) in names.iter().enumerate() {
        if !name.is_empty() && names[..index].contains(name) {
            return Err(Unreadable::TwiceNamed(name.clone()));
        }
    }
    Ok(names)
}

/// What divides the header: whatever of comma, semicolon and tab it has most of, outside quotes.
fn delimiter(text: &str) -> char {
    let (mut quoted, mut counts) = (false, [0_usize; 3]);
    const CANDIDATES: [char; 3] = [',', ';', '\t'];
    for c in text.trim_start().chars() {
        match c {
            '"' => quoted = !quoted,
            '\n' | '\r' if !quoted => break,
            c if !quoted => {
                if let Some(index) = CANDIDATES.iter().position(|candidate| *candidate == c) {
                    counts[index] += 1;
                }
            }
            _ => {}
        }
    }
    let best = (0..CANDIDATES.len()).max_by_key(|index| (counts[*index], CANDIDATES.len() - index));
    CANDIDATES[best.unwrap_or_default()]
}

/// Counts lines up to a position that only grows.
struct Lines<'a> {
    text: &'a [u8],
    seen: usize,
    line: usize,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Self {
        Lines {
            text: text.as_bytes(),
            seen: 0,
            line: 1,
        }
    }

    /// The line of the record that begins at `start`, or after the empty lines there.
    fn at(&mut self, start: usize) -> usize {
        let is_break = |byte: &u8| matches!(byte, b'\r' | b'\n');
        let rest = self.text.get(start..).unwrap_or_default();
        let blank = rest.iter().take_while(|byte| is_break(byte)).count();
        let end = (start + blank).min(self.text.len());
        let between = self.text.get(self.seen..end).unwrap_or_default();
        self.line += between.iter().filter(|byte| **byte == b'\n').count();
        self.seen = end.max(self.seen);
        self.line
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn places(manifest: &Manifest) -> Vec<(usize, usize)> {
        let places = manifest.rows.iter().map(|row| row.place);
        places.map(|place| (place.row, place.line)).collect()
    }

    fn column(manifest: &Manifest, row: usize, name: &str) -> Option<String> {
        manifest.rows[row].columns.as_ref().unwrap().text(name)
    }

    #[test]
    fn all_delimiters_and_line_ends_are_read() {
        for delimiter in [',', ';', '\t'] {
            for end in ["\n", "\r\n"] {
                for last in ["", end] {
                    let text = ["to,subject", "a@b.c,\"x, y; z\"", "d@e.f,w"].join(end) + last;
                    let text = text.replace(',', &delimiter.to_string());
                    let manifest = read(&text, None).unwrap();
                    assert_eq!(manifest.delimiter, Some(delimiter), "{text:?}");
                    assert_eq!(places(&manifest), [(1, 2), (2, 3)], "{text:?}");
                    assert_eq!(column(&manifest, 1, "to").as_deref(), Some("d@e.f"));
                    assert_eq!(column(&manifest, 1, "subject").as_deref(), Some("w"));
                }
            }
        }
    }

    #[test]
    fn a_broken_row_in_the_middle_is_told_and_the_rest_is_read() {
        let manifest = read("to,subject\na@b.c,x\nd@e.f\n\ng@h.i,y\n", None).unwrap();
        assert_eq!(places(&manifest), [(1, 2), (2, 3), (3, 5)]);
        assert_eq!(
            manifest.rows[1].columns,
            Err("it has 1 columns, and the header has 2".to_owned())
        );
        assert_eq!(column(&manifest, 2, "to").as_deref(), Some("g@h.i"));
        let manifest = read(
            "{\"to\":\"a@b.c\"}\nnonsense\n[1]\n\n{\"to\":\"d@e.f\"}",
            None,
        )
        .unwrap();
        assert_eq!(places(&manifest), [(1, 1), (2, 2), (3, 3), (4, 5)]);
        assert!(manifest.rows[1].columns.is_err() && manifest.rows[2].columns.is_err());
        assert_eq!(manifest.rows[1].place.to_string(), "row 2 (line 2)");
    }

    #[test]
    fn a_field_of_several_lines_counts_them() {
        let manifest = read("to,body\na@b.c,\"one\ntwo\nthree\"\nd@e.f,x\n", None).unwrap();
        assert_eq!(places(&manifest), [(1, 2), (2, 5)]);
        assert_eq!(
            column(&manifest, 0, "body").as_deref(),
            Some("one\ntwo\nthree")
        );
    }

    #[test]
    fn nothing_to_do_is_an_error() {
        assert_eq!(read("", None), Err(Unreadable::Empty));
        assert_eq!(read(" \n\n", None), Err(Unreadable::Empty));
        assert_eq!(read("to,subject\n\n", None), Err(Unreadable::NoRows));
        assert_eq!(
            read("to,to\na,b\n", None),
            Err(Unreadable::TwiceNamed("to".to_owned()))
        );
    }

    #[test]
    fn lists_are_arrays_or_divided() {
        let manifest = read("to;files\na@b.c;one.pdf|two;three.pdf\n", None).unwrap();
        assert!(manifest.rows[0].columns.is_err());
        let manifest = read("to;files\na@b.c; one.pdf | two.pdf\n", None).unwrap();
        let columns = manifest.rows[0].columns.as_ref().unwrap();
        assert_eq!(
            columns.list("files", manifest.separators()),
            ["one.pdf", "two.pdf"]
        );
        let manifest = read("to,files\na@b.c,one.pdf;two.pdf|three.pdf\n", None).unwrap();
        let columns = manifest.rows[0].columns.as_ref().unwrap();
        assert_eq!(columns.list("files", manifest.separators()).len(), 3);
        let text = r#"{"to":"a@b.c","files":["a;b.pdf","c.pdf"],"n":7,"no":null}"#;
        let manifest = read(text, None).unwrap();
        let columns = manifest.rows[0].columns.as_ref().unwrap();
        assert_eq!(
            columns.list("files", manifest.separators()),
            ["a;b.pdf", "c.pdf"]
        );
        assert_eq!(columns.text("n").as_deref(), Some("7"));
        assert_eq!(columns.text("no"), None);
        assert!(columns.has("no") && !columns.has("yes"));
    }

    #[test]
    fn the_format_can_be_said() {
        let csv = read("{x}\nvalue\n", Some(Format::Csv)).unwrap();
        assert_eq!(column(&csv, 0, "{x}").as_deref(), Some("value"));
        let json = read("\"x\"\n", Some(Format::JsonLines)).unwrap();
        assert!(json.rows[0].columns.is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in "[a,;\t\"\r\n{}: ]{0,80}") {
            for format in [None, Some(Format::Csv), Some(Format::JsonLines)] {
                if let Ok(manifest) = read(&text, format) {
                    let lines = text.lines().count().max(1);
                    let places: Vec<_> = manifest.rows.iter().map(|row| row.place).collect();
                    prop_assert!(places.is_sorted());
                    prop_assert!(places.iter().all(|place| place.line <= lines + 1));
                }
            }
        }

        #[test]
        fn what_is_written_is_read(rows in prop::collection::vec(("[^\r\n\u{0}]{1,20}", ".{0,20}"), 1..20)) {
            let mut writer = csv::Writer::from_writer(Vec::new());
            writer.write_record(["to", "subject"]).unwrap();
            for (to, subject) in &rows {
                writer.write_record([&format!("x{to}"), subject]).unwrap();
            }
            let text = String::from_utf8(writer.into_inner().unwrap()).unwrap();
            let manifest = read(&text, None).unwrap();
            prop_assert_eq!(manifest.rows.len(), rows.len());
            for (row, (to, _)) in manifest.rows.iter().zip(&rows) {
                prop_assert_eq!(row.columns.as_ref().unwrap().text("to"), Some(format!("x{to}")));
            }
        }
    }
}
