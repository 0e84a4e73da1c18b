//! All rows together: every problem of every row, before anything is done. Looks at files; sends nothing.
//!
//! What stays in memory of a row is what decides; its texts are rendered again when it is its turn.

use std::{
    collections::{HashMap, hash_map::Entry},
    fmt,
    path::{Path, PathBuf},
};

use super::{
    manifest::{Manifest, Place, Row},
    render::{Renderer, RowFile, RowPlan, RowTarget},
};
use crate::{
    digest::Digest,
    graph::ItemKind,
    session::FileFingerprint,
    upload::{Source, plan::LARGEST},
};

/// Most attachments of one item in Exchange Online. Source: its published limits.
const MOST_ATTACHMENTS: usize = 250;

/// A row that can be done.
#[derive(Debug, Clone)]
pub struct CheckedRow {
    /// Its place in the manifest's list.
    pub index: usize,
    /// Where it stands.
    pub place: Place,
    /// By which it is known in its run.
    pub key: String,
    /// Whose mailbox.
    pub mailbox: Option<String>,
    /// The existing item, if it is not a new mail.
    pub item: Option<(ItemKind, String)>,
    /// How many people it goes to.
    pub recipients: usize,
    /// Of recipients, subject and text.
    pub text: Digest,
    /// As the check found them.
    pub files: Vec<FileFingerprint>,
}

impl CheckedRow {
    /// Bytes of its files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }
}

/// Something wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// With which row.
    pub place: Place,
    /// What.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// What came of the check.
#[derive(Debug, Default)]
pub struct Checked {
    /// Rows that can be done.
    pub rows: Vec<CheckedRow>,
    /// What is wrong with the others, in the order of the rows.
    pub problems: Vec<Problem>,
    /// The largest file: its path, its size and its row.
    pub largest: Option<(PathBuf, u64, Place)>,
}

/// Checks the rows of `manifest` that `chosen` takes.
pub fn check(
    manifest: &Manifest,
    renderer: &mut Renderer,
    same_file: bool,
    mut chosen: impl FnMut(&Row, Option<&RowPlan>) -> bool,
) -> Checked {
    let mut checker = Checker {
        same_file,
        ..Checker::default()
    };
    for (index, row) in manifest.rows.iter().enumerate() {
        let plan = match &row.columns {
            Ok(columns) => renderer.plan(row.place, columns),
            Err(why) => Err(vec![why.clone()]),
        };
        if !chosen(row, plan.as_ref().ok()) {
            continue;
        }
        let problems = match plan {
            Ok(plan) => checker.add(index, &plan),
            Err(problems) => problems,
        };
        let place = row.place;
        let problems = problems.into_iter();
        checker
            .checked
            .problems
            .extend(problems.map(|message| Problem { place, message }));
    }
    checker.checked
}

#[derive(Default)]
struct Checker {
    same_file: bool,
    checked: Checked,
    keys: HashMap<String, Place>,
    /// Which row names a file, by the file's identity.
    files: HashMap<(u64, u64), Place>,
    /// Files that an option names for all rows: looked at once.
    shared: HashMap<PathBuf, Result<FileFingerprint, String>>,
}

impl Checker {
    /// Takes a row, or says what is wrong with it.
    fn add(&mut self, index: usize, plan: &RowPlan) -> Vec<String> {
        let mut problems = Vec::new();
        match self.keys.entry(plan.key.clone()) {
            Entry::Occupied(other) => problems.push(format!(
                "it has the same key as {}: the same people, subject and files, or the same `key`",
                other.get()
            )),
            Entry::Vacant(place) => {
                place.insert(plan.place);
            }
        }
        let mut files: Vec<FileFingerprint> = Vec::with_capacity(plan.files.len());
        for file in &plan.files {
            match self.look(file) {
                Ok(stamp) => {
                    let identity = (stamp.dev, stamp.ino);
                    if files.iter().any(|other| (other.dev, other.ino) == identity) {
                        problems.push(format!("it names `{}` twice", file.path.display()));
                    } else if !file.shared && !self.same_file {
                        match self.files.entry(identity) {
                            Entry::Occupied(other) => problems.push(format!(
                                "{} names `{}` too; `--same-file` says that this is meant",
                                other.get(),
                                file.path.display()
                            )),
                            Entry::Vacant(place) => {
                                place.insert(plan.place);
                            }
                        }
                    }
                    files.push(stamp);
                }
                Err(why) => problems.push(why),
            }
        }
        let bytes: u64 = files.iter().map(|file| file.size).sum();
        if bytes > LARGEST {
            problems.push(format!(
                "its files have {bytes} bytes in all, and a message takes at most 150 MB"
            ));
        }
        if files.len() > MOST_ATTACHMENTS {
            problems.push(format!(
                "it has {} files, and an item holds at most {MOST_ATTACHMENTS} attachments",
                files.len()
            ));
        }
        if !problems.is_empty() {
            return problems;
        }
        for (file, stamp) in plan.files.iter().zip(&files) {
            let largest = self.checked.largest.as_ref();
            if largest.is_none_or(|(_, size, _)| stamp.size > *size) {
                self.checked.largest = Some((file.path.clone(), stamp.size, plan.place));
            }
        }
        self.checked.rows.push(CheckedRow {
            index,
            place: plan.place,
            key: plan.key.clone(),
            mailbox: plan.mailbox.clone(),
            item: match &plan.target {
                RowTarget::Mail(_) => None,
                RowTarget::Item(kind, id) => Some((*kind, id.clone())),
            },
            recipients: plan.recipients().len(),
            text: plan.text_digest(),
            files,
        });
        problems
    }

    fn look(&mut self, file: &RowFile) -> Result<FileFingerprint, String> {
        if !file.shared {
            return look(&file.path);
        }
        let shared = self.shared.entry(file.path.clone());
        shared.or_insert_with(|| look(&file.path)).clone()
    }
}

/// A file as it is now, if it can be attached at all.
fn look(path: &Path) -> Result<FileFingerprint, String> {
    match Source::open(path) {
        Ok(source) => Ok(source.stamp()),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::batch::{manifest, render::Options, render::tests::options};

    struct Room {
        home: tempfile::TempDir,
        options: Options,
    }

    impl Room {
        fn new(files: &[(&str, usize)]) -> Self {
            let home = tempfile::tempdir().unwrap();
            for (name, size) in files {
                fs::write(home.path().join(name), vec![7; *size]).unwrap();
            }
            Room {
                home,
                options: options(),
            }
        }

        /// `@` in the table is the room's folder.
        fn check(&self, table: &str, same_file: bool) -> Checked {
            let dir = self.home.path().display().to_string();
            let manifest =
                manifest::read(&table.replace('@', &dir).replace("(at)", "@"), None).unwrap();
            let mut options = self.options.clone();
            for file in &mut options.files {
                *file = file.replace('@', &dir);
            }
            check(&manifest, &mut Renderer::new(options), same_file, |_, _| {
                true
            })
        }

        fn problems(&self, table: &str) -> Vec<String> {
            let dir = self.home.path().display().to_string();
            let problems = self.check(table, false).problems;
            problems
                .iter()
                .map(|problem| problem.to_string().replace(&dir, "@"))
                .collect()
        }
    }

    #[test]
    fn good_rows_are_counted_and_measured() {
        let room = Room::new(&[("a.pdf", 10), ("b.pdf", 20)]);
        let checked = room.check(
            "to,subject,files\nann(at)a.com;bob(at)a.com,x,@/a.pdf\ncid(at)a.com,x,@/b.pdf\n",
            false,
        );
        assert_eq!(checked.problems, []);
        let counts: Vec<_> = checked
            .rows
            .iter()
            .map(|row| (row.recipients, row.bytes()))
            .collect();
        assert_eq!(counts, [(2, 10), (1, 20)]);
        let (path, size, place) = checked.largest.unwrap();
        assert!(path.ends_with("b.pdf"));
        assert_eq!((size, place.row), (20, 2));
    }

    #[test]
    fn every_problem_of_every_row_is_found() {
        let room = Room::new(&[("a.pdf", 10)]);
        assert_eq!(
            room.problems(
                "to,subject,files\nann,x,@/a.pdf\nbob(at)a.com,x\ncid(at)a.com,x,@/no.pdf;@\n"
            ),
            [
                "row 1 (line 2): to: `ann` is no address: it has no `@`",
                "row 2 (line 3): it has 2 columns, and the header has 3",
                "row 3 (line 4): no such file: `@/no.pdf`",
                "row 3 (line 4): `@` is a directory, not a file",
            ]
        );
    }

    #[test]
    fn a_file_that_two_rows_name_is_a_problem_unless_it_is_meant() {
        let room = Room::new(&[("a.pdf", 10), ("t.pdf", 5)]);
        let table = "to,subject,files\nann(at)a.com,x,@/a.pdf\nbob(at)a.com,x,@/./a.pdf\n";
        assert_eq!(
            room.problems(table),
            [
                "row 2 (line 3): row 1 (line 2) names `@/./a.pdf` too; `--same-file` says that this is meant"
            ]
        );
        assert_eq!(room.check(table, true).problems, []);
        let mut constant = Room::new(&[("t.pdf", 5)]);
        constant.options.files = vec!["@/t.pdf".to_owned()];
        let table = "to,subject\nann(at)a.com,x\nbob(at)a.com,x\n";
        assert_eq!(constant.problems(table), Vec::<String>::new());
        let twice = "to,subject,files\nann(at)a.com,x,@/a.pdf;@/a.pdf\n";
        assert_eq!(
            room.problems(twice),
            ["row 1 (line 2): it names `@/a.pdf` twice"]
        );
    }

    #[test]
    fn two_equal_rows_are_a_problem() {
        let room = Room::new(&[("a.pdf", 1), ("b.pdf", 1)]);
        let table = "to,subject,body\nann(at)a.com,x,1\nann(at)a.com,x,2\n";
        let problems = room.problems(table);
        assert_eq!(problems.len(), 1);
        assert!(problems[0].starts_with("row 2 (line 3): it has the same key as row 1 (line 2)"));
        let keys = "to,subject,key\nann(at)a.com,x,1\nbob(at)a.com,x,1\ncid(at)a.com,x,2\n";
        assert_eq!(room.problems(keys).len(), 1);
    }

    #[test]
    fn limits_are_kept() {
        let home = Room::new(&[]);
        for name in ["a", "b"] {
            let file = fs::File::create(home.home.path().join(name)).unwrap();
            file.set_len(100_000_000).unwrap();
        }
        let problems = home.problems("to,subject,files\nann(at)a.com,x,@/a;@/b\n");
        assert!(
            problems[0].contains("200000000 bytes in all"),
            "{problems:?}"
        );
        let big = fs::File::create(home.home.path().join("big")).unwrap();
        big.set_len(LARGEST + 1).unwrap();
        let problems = home.problems("to,subject,files\nann(at)a.com,x,@/big\n");
        assert!(
            problems[0].contains("the limit for an attachment is 150 MB"),
            "{problems:?}"
        );
    }

    #[test]
    fn ten_thousand_rows_are_checked() {
        let room = Room::new(&[]);
        let mut table = String::from("to,subject,files\n");
        for row in 0..10_000 {
            let name = format!("{row}.pdf");
            fs::write(room.home.path().join(&name), name.as_bytes()).unwrap();
            table += &format!("p{row}(at)a.com,Slip {row},@/{name}\n");
        }
        let checked = room.check(&table, false);
        assert_eq!((checked.rows.len(), checked.problems.len()), (10_000, 0));
        assert_eq!(
            checked.rows[9_999].place,
            Place {
                row: 10_000,
                line: 10_001
            }
        );
    }
}
