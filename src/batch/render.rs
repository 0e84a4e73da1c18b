//! A mail, or files for an item, made of one row: an option wins over the column of its name. Reads the
//! letters that rows name; sends nothing.

use std::{
    collections::HashMap,
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use super::{
    decode,
    manifest::{Columns, Place},
    template::{Templates, is_template},
};
use crate::{
    digest::Digest,
    graph::{Address, Body, Draft, ItemKind},
    values,
};

/// Longest letter, in bytes: a request to Graph has at most 4 MiB, and JSON needs up to twice the room
/// of a text in most languages.
const LONGEST_LETTER: u64 = 2_000_000;

/// Most recipients of one message. Source: Exchange Online limits.
pub const MOST_RECIPIENTS: usize = 500;

/// The options of `batch` that are texts with columns put in, and those that hold for every row.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// `--to`.
    pub to: Option<String>,
    /// `--cc`.
    pub cc: Option<String>,
    /// `--bcc`.
    pub bcc: Option<String>,
    /// `--subject`.
    pub subject: Option<String>,
    /// `--body`.
    pub body: Option<String>,
    /// `--body-file`.
    pub body_file: Option<String>,
    /// `--file`, each of them.
    pub files: Vec<String>,
    /// `--message`.
    pub message: Option<String>,
    /// `--event`.
    pub event: Option<String>,
    /// `--mailbox` as an option of the command.
    pub mailbox: Option<String>,
    /// The mailbox of the surroundings, for rows that name none.
    pub default_mailbox: Option<String>,
    /// `--key`.
    pub key: Option<String>,
    /// `--html`.
    pub html: bool,
    /// `--send`.
    pub send: bool,
    /// `--test-to`: every mail goes there instead.
    pub redirect: Vec<Address>,
    /// What divides the entries of a `files` column.
    pub separators: &'static [char],
}

/// What a row asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct RowPlan {
    /// Where it stands.
    pub place: Place,
    /// Whose mailbox; `None` is the token's own.
    pub mailbox: Option<String>,
    /// A new mail, or an item that exists.
    pub target: RowTarget,
    /// In this order.
    pub files: Vec<RowFile>,
    /// By which the row is known in its run.
    pub key: String,
}

/// What the files of a row go to.
#[derive(Debug, Clone, PartialEq)]
pub enum RowTarget {
    /// A mail that is to be made.
    Mail(Box<Draft>),
    /// An item that exists.
    Item(ItemKind, String),
}

/// A file of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowFile {
    /// As the row names it.
    pub path: PathBuf,
    /// What it is called as an attachment.
    pub name: String,
    /// Whether an option names it for all rows alike.
    pub shared: bool,
}

impl RowPlan {
    /// Everybody that a new mail is addressed to.
    pub fn recipients(&self) -> Vec<String> {
        match &self.target {
            RowTarget::Mail(draft) => draft.recipients(),
            RowTarget::Item(..) => Vec::new(),
        }
    }

    /// The subject of a new mail.
    pub fn subject(&self) -> &str {
        match &self.target {
            RowTarget::Mail(draft) => draft.subject.as_deref().unwrap_or_default(),
            RowTarget::Item(..) => "",
        }
    }

    /// What the row is about, for a person: its recipients, or its item.
    pub fn addressed(&self) -> String {
        match &self.target {
            RowTarget::Mail(_) => self.recipients().join(", "),
            RowTarget::Item(kind, id) => format!("{kind} {id}"),
        }
    }

    /// The digest of what the mail says: its recipients, subject and text.
    pub fn text_digest(&self) -> Digest {
        match &self.target {
            RowTarget::Mail(draft) => Digest::of(draft.json().to_string().as_bytes()),
            RowTarget::Item(..) => Digest::of(b""),
        }
    }
}

/// Makes plans of rows; letters and templates are read once.
pub struct Renderer {
    options: Options,
    templates: Templates,
    letters: HashMap<PathBuf, Result<String, String>>,
}

/// Most letters that are kept in memory: rows may name one each.
const MOST_LETTERS: usize = 16;

impl Renderer {
    /// A renderer with these options.
    pub fn new(options: Options) -> Self {
        Renderer {
            options,
            templates: Templates::default(),
            letters: HashMap::new(),
        }
    }

    /// The row's plan, or everything that is wrong with it.
    pub fn plan(&mut self, place: Place, columns: &Columns) -> Result<RowPlan, Vec<String>> {
        let mut problems = Vec::new();
        let options = self.options.clone();
        let mailbox = self.mailbox(columns).unwrap_or_else(|why| {
            problems.push(why);
            None
        });
        let target = self.target(columns, &mut problems);
        let files = self.files(columns, &mut problems);
        if let Some(RowTarget::Item(..)) = &target
            && files.is_empty()
        {
            problems.push("it names no files for the item".to_owned());
        }
        if let (Some(RowTarget::Item(ItemKind::Event, _)), true) = (&target, options.send) {
            problems.push("an event is not sent: `--send` is for messages".to_owned());
        }
        let key = match (&options.key, columns.text("key")) {
            (Some(template), _) => match self.templates.render(template, false, columns) {
                Ok(key) if key.trim().is_empty() => {
                    problems.push("`--key` is empty for it".to_owned());
                    None
                }
                Ok(key) => Some(key),
                Err(why) => {
                    problems.push(format!("`--key`: {why}"));
                    None
                }
            },
            (None, key) => key,
        };
        let Some(target) = target.filter(|_| problems.is_empty()) else {
            return Err(problems);
        };
        let mut plan = RowPlan {
            place,
            mailbox,
            target,
            files,
            key: String::new(),
        };
        // By whom it is meant for: two mails to one tester are two.
        plan.key = key.unwrap_or_else(|| default_key(&plan));
        if !options.redirect.is_empty() {
            match &mut plan.target {
                RowTarget::Mail(draft) => {
                    draft.to = options.redirect;
                    draft.cc.clear();
                    draft.bcc.clear();
                }
                RowTarget::Item(..) => {
                    return Err(vec!["`--test-to` is for new mails".to_owned()]);
                }
            }
        }
        Ok(plan)
    }

    /// An option's text, else the column's. The option's name is in the way of what is wrong with it.
    fn text(
        &mut self,
        option: Option<&str>,
        name: &str,
        columns: &Columns,
    ) -> Result<Option<String>, String> {
        match option {
            Some(template) => match self.templates.render(template, false, columns) {
                Ok(text) => Ok(Some(text)),
                Err(why) => Err(format!("`--{}`: {why}", name.replace('_', "-"))),
            },
            None => Ok(columns.text(name)),
        }
    }

    fn mailbox(&mut self, columns: &Columns) -> Result<Option<String>, String> {
        let option = self.options.mailbox.clone();
        let text = self.text(option.as_deref(), "mailbox", columns)?;
        let text = text.or_else(|| self.options.default_mailbox.clone());
        text.map(|text| values::item_id(&text).map_err(|why| format!("mailbox: {why}")))
            .transpose()
    }

    fn target(&mut self, columns: &Columns, problems: &mut Vec<String>) -> Option<RowTarget> {
        let options = self.options.clone();
        let mut text = |option: &Option<String>, name: &str| {
            self.text(option.as_deref(), name, columns)
                .unwrap_or_else(|why| {
                    problems.push(why);
                    None
                })
        };
        let message = text(&options.message, "message");
        let event = text(&options.event, "event");
        let (to, cc, bcc) = (
            text(&options.to, "to").or_else(|| joined(columns, "to")),
            text(&options.cc, "cc").or_else(|| joined(columns, "cc")),
            text(&options.bcc, "bcc").or_else(|| joined(columns, "bcc")),
        );
        let subject = text(&options.subject, "subject");
        let item = match (message, event) {
            (Some(_), Some(_)) => {
                problems.push("it names both a message and an event".to_owned());
                return None;
            }
            (Some(id), None) => Some((ItemKind::Message, id)),
            (None, Some(id)) => Some((ItemKind::Event, id)),
            (None, None) => None,
        };
        if let Some((kind, id)) = item {
            return match values::item_id(&id) {
                Ok(id) => Some(RowTarget::Item(kind, id)),
                Err(why) => {
                    problems.push(format!("{kind}: {why}"));
                    None
                }
            };
        }
        let mut people = |text: Option<String>, name: &str| match text {
            Some(text) if !text.trim().is_empty() => Address::list(&text).unwrap_or_else(|why| {
                problems.push(format!("{name}: {why}"));
                Vec::new()
            }),
            _ => Vec::new(),
        };
        let no_to = to.as_deref().is_none_or(|to| to.trim().is_empty());
        let (to, cc, bcc) = (people(to, "to"), people(cc, "cc"), people(bcc, "bcc"));
        if no_to {
            problems.push("it has no `to`, and no `message` or `event` either".to_owned());
        }
        let count = to.len() + cc.len() + bcc.len();
        if count > MOST_RECIPIENTS {
            problems.push(format!(
                "it has {count} recipients, and a message takes at most {MOST_RECIPIENTS}"
            ));
        }
        if subject.is_none() {
            problems.push("it has no `subject`".to_owned());
        }
        let body = self.body(columns).unwrap_or_else(|why| {
            problems.push(why);
            None
        });
        Some(RowTarget::Mail(Box::new(Draft {
            to,
            cc,
            bcc,
            subject,
            body,
            ..Draft::default()
        })))
    }

    /// The text of the mail. A letter is a template, whoever names it.
    fn body(&mut self, columns: &Columns) -> Result<Option<Body>, String> {
        let options = self.options.clone();
        let html = options.html;
        let content = match (&options.body, &options.body_file) {
            (Some(body), _) => {
                let body = self.templates.render(body, html, columns);
                Some(body.map_err(|why| format!("`--body`: {why}"))?)
            }
            (None, file) => {
                let file = match file {
                    Some(file) => self.text(Some(file), "body_file", columns)?,
                    None => columns.text("body_file"),
                };
                match file {
                    Some(file) => {
                        let letter = self.letter(Path::new(&file))?;
                        let text = self.templates.render(&letter, html, columns);
                        Some(text.map_err(|why| format!("the letter `{file}`: {why}"))?)
                    }
                    None => columns.text("body"),
                }
            }
        };
        Ok(content.map(|content| Body { content, html }))
    }

    fn letter(&mut self, path: &Path) -> Result<String, String> {
        if let Some(letter) = self.letters.get(path) {
            return letter.clone();
        }
        let letter = read_letter(path);
        if self.letters.len() < MOST_LETTERS {
            self.letters.insert(path.to_owned(), letter.clone());
        }
        letter
    }

    fn files(&mut self, columns: &Columns, problems: &mut Vec<String>) -> Vec<RowFile> {
        let options = self.options.files.clone();
        let mut files = Vec::new();
        let mut named = Vec::new();
        for template in &options {
            match self.templates.render(template, false, columns) {
                Ok(path) => named.push((path, !is_template(template))),
                Err(why) => problems.push(format!("`--file`: {why}")),
            }
        }
        if options.is_empty() {
            let listed = columns.list("files", self.options.separators);
            named.extend(listed.into_iter().map(|path| (path, false)));
        }
        for (path, shared) in named {
            match attachment_name(Path::new(&path)) {
                Ok(name) => files.push(RowFile {
                    path: path.into(),
                    name,
                    shared,
                }),
                Err(why) => problems.push(why),
            }
        }
        files
    }
}

/// The addresses of a JSON array.
fn joined(columns: &Columns, name: &str) -> Option<String> {
    let all = columns.list(name, &[]);
    (!all.is_empty()).then(|| all.join(", "))
}

fn read_letter(path: &Path) -> Result<String, String> {
    let shown = path.display();
    let read = |from: &Path| -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut file = fs::File::open(from)?.take(LONGEST_LETTER + 1);
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read(path).map_err(|error| format!("cannot read the letter `{shown}`: {error}"))?;
    if bytes.len() as u64 > LONGEST_LETTER {
        return Err(format!(
            "the letter `{shown}` has more than {LONGEST_LETTER} bytes"
        ));
    }
    decode::text(bytes).map_err(|error| format!("the letter `{shown}`: {error}"))
}

fn attachment_name(path: &Path) -> Result<String, String> {
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| format!("`{}` does not name a file", path.display()))?;
    values::name(name).map_err(|why| {
        format!(
            "`{}` cannot be the name of an attachment: {why}",
            path.display()
        )
    })
}

/// The key of a row that names none: whom it is for, and what it brings.
fn default_key(plan: &RowPlan) -> String {
    let names: Vec<&str> = plan.files.iter().map(|file| file.name.as_str()).collect();
    let item = match &plan.target {
        RowTarget::Mail(_) => None,
        RowTarget::Item(kind, id) => Some((kind, id)),
    };
    let mailbox = plan.mailbox.as_ref().map(|mailbox| mailbox.to_lowercase());
    let people: Vec<String> = plan
        .recipients()
        .iter()
        .map(|one| one.to_lowercase())
        .collect();
    let all = serde_json::json!([mailbox, people, plan.subject(), names, item]);
    Digest::of(all.to_string().as_bytes()).to_string()[..16].to_owned()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::batch::manifest;

    pub(crate) fn options() -> Options {
        Options {
            separators: &[';', '|'],
            ..Options::default()
        }
    }

    fn plan(options: &Options, table: &str) -> Result<RowPlan, Vec<String>> {
        let manifest = manifest::read(table, None).unwrap();
        let row = &manifest.rows[0];
        Renderer::new(options.clone()).plan(row.place, row.columns.as_ref().unwrap())
    }

    fn problem(options: &Options, table: &str) -> String {
        plan(options, table).unwrap_err().join("; ")
    }

    #[test]
    fn columns_make_a_mail() {
        let table = "to,cc,subject,body,files,mailbox,key\n\
                     Ann <ann@a.com>,bob@a.com,Hi,Text,a.pdf;b/c.pdf,me@a.com,k1\n";
        let plan = plan(&options(), table).unwrap();
        assert_eq!(plan.recipients(), ["ann@a.com", "bob@a.com"]);
        assert_eq!(plan.subject(), "Hi");
        assert_eq!(plan.mailbox.as_deref(), Some("me@a.com"));
        assert_eq!(plan.key, "k1");
        let names: Vec<_> = plan.files.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(names, ["a.pdf", "c.pdf"]);
        assert!(plan.files.iter().all(|file| !file.shared));
    }

    #[test]
    fn options_win_and_take_columns() {
        let options = Options {
            to: Some("{{ email }}".into()),
            subject: Some("Payslip {{ month }}".into()),
            body: Some("Dear {{ name }}".into()),
            files: vec!["slips/{{ id }}.pdf".into(), "terms.pdf".into()],
            key: Some("{{ id }}-{{ month }}".into()),
            ..options()
        };
        let table = "email,to,subject,name,id,month\nann@a.com,bob@a.com,x,Ann,7,May\n";
        let plan = plan(&options, table).unwrap();
        assert_eq!(plan.recipients(), ["ann@a.com"]);
        assert_eq!(plan.subject(), "Payslip May");
        assert_eq!(plan.key, "7-May");
        assert_eq!(plan.files[0].path, Path::new("slips/7.pdf"));
        assert_eq!((plan.files[0].shared, plan.files[1].shared), (false, true));
        let RowTarget::Mail(draft) = &plan.target else {
            panic!("a mail")
        };
        assert_eq!(draft.body.as_ref().unwrap().content, "Dear Ann");
    }

    #[test]
    fn what_is_wrong_with_a_row_is_said_all_at_once() {
        assert!(problem(&options(), "subject,files\nx,a.pdf\n").contains("no `to`"));
        assert!(problem(&options(), "to\nann@a.com\n").contains("no `subject`"));
        let error = problem(&options(), "to,cc,subject\nann,bob@,x\n");
        assert!(
            error.contains("to: `ann`") && error.contains("cc: `bob@`"),
            "{error}"
        );
        let error = problem(&options(), "message,event,files\nA,B,x\n");
        assert!(error.contains("both"), "{error}");
        let error = problem(&options(), "message,files\nAAMk=,\n");
        assert!(error.contains("no files"), "{error}");
        let many = vec!["a@a.com"; 501].join(";");
        let error = problem(&options(), &format!("to,subject\n{many},x\n"));
        assert!(error.contains("501 recipients"), "{error}");
        let unknown = Options {
            subject: Some("Payslip {{ mnth }}".into()),
            ..options()
        };
        let error = problem(&unknown, "to,month\nann@a.com,May\n");
        assert!(
            error.contains("`--subject`: there is no column for `mnth`"),
            "{error}"
        );
        let event = Options {
            send: true,
            ..options()
        };
        let error = problem(&event, "event,files\nAAMk=,a.pdf\n");
        assert!(error.contains("an event is not sent"), "{error}");
    }

    #[test]
    fn invisible_characters_in_an_address_are_named() {
        for hidden in ['\u{feff}', '\u{200b}', '\u{202e}', '\u{ad}', '\u{2060}'] {
            let table = format!("{{\"to\":\"ann{hidden}@a.com\",\"subject\":\"x\"}}");
            let error = problem(&options(), &table);
            let name = format!("U+{:04X}", hidden as u32);
            assert!(error.contains(&name), "{error}");
        }
    }

    #[test]
    fn a_letter_is_a_template() {
        let home = tempfile::tempdir().unwrap();
        let letter = home.path().join("letter.html");
        fs::write(&letter, "<p>Dear {{ name }}</p>").unwrap();
        let options = Options {
            body_file: Some(letter.display().to_string()),
            html: true,
            ..options()
        };
        let row = plan(&options, "to,subject,name\nann@a.com,x,Ann & Bob\n").unwrap();
        let RowTarget::Mail(draft) = row.target else {
            panic!("a mail")
        };
        let body = draft.body.unwrap();
        assert_eq!(
            (body.content.as_str(), body.html),
            ("<p>Dear Ann &amp; Bob</p>", true)
        );
        let error = problem(&options, "to,subject,nmae\nann@a.com,x,Ann\n");
        assert!(
            error.contains("the letter") && error.contains("`name`"),
            "{error}"
        );
        let missing = Options {
            body_file: Some("{{ lang }}.txt".into()),
            ..self::options()
        };
        let error = problem(&missing, "to,subject,lang\nann@a.com,x,nowhere\n");
        assert!(
            error.contains("cannot read the letter `nowhere.txt`"),
            "{error}"
        );
    }

    #[test]
    fn a_key_is_of_whom_and_what_but_not_of_the_text() {
        let key = |table: &str| plan(&options(), table).unwrap().key;
        let first = key("to,subject,body,files\nann@a.com,x,one,a.pdf\n");
        assert_eq!(
            first,
            key("to,subject,body,files\nANN@A.com,x,two,d/a.pdf\n")
        );
        for other in [
            "to,subject,body,files\nbob@a.com,x,one,a.pdf\n",
            "to,subject,body,files\nann@a.com,y,one,a.pdf\n",
            "to,subject,body,files\nann@a.com,x,one,b.pdf\n",
            "to,subject,files,mailbox\nann@a.com,x,a.pdf,me@a.com\n",
        ] {
            assert_ne!(first, key(other), "{other}");
        }
    }

    #[test]
    fn arrays_are_lists_of_people_and_files() {
        let row = r#"{"to":["ann@a.com","bob@a.com"],"subject":"x","files":["a.pdf","b.pdf"]}"#;
        let plan = plan(&options(), row).unwrap();
        assert_eq!(plan.recipients().len(), 2);
        assert_eq!(plan.files.len(), 2);
    }
}
