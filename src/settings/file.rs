//! The configuration file: TOML with the same keys at the top level and in `[profile.NAME]` tables.
//!
//! Reads text, never a disk. Every complaint names the file, the line and the column, and none
//! quotes a value: any of them may be a token.

use std::{
    ops::Range,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::ValueEnum;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    Cloud, Error, Progress,
    credential::{CommandLine, Flow, Identity, Method, Secret},
    endpoint, time,
};

/// A file's text and who may read it.
#[derive(Debug)]
pub struct Text {
    /// The text.
    pub text: String,
    /// Permission bits, such as `0o600`.
    pub mode: u32,
}

/// Permission bits that let anyone but the owner in.
pub(crate) const OTHERS: u32 = 0o077;

/// The keys of a table, for the list of known ones. `profile` is known at the top level only.
const KEYS: &[&str] = &[
    "auth",
    "ca_file",
    "client_certificate_file",
    "client_id",
    "client_secret",
    "client_secret_file",
    "cloud",
    "endpoint",
    "federated_token_file",
    "login_url",
    "mailbox",
    "max_retries",
    "volume_limit",
    "progress",
    "tenant",
    "timeout",
    "token",
    "token_command",
    "token_file",
];

/// How `auth = "…"` wants to sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Auth {
    Entra(Method),
    Browser,
    DeviceCode,
}

impl Auth {
    const ALL: [Auth; 6] = [
        Auth::Entra(Method::ClientSecret),
        Auth::Entra(Method::ClientCertificate),
        Auth::Entra(Method::WorkloadIdentity),
        Auth::Entra(Method::ManagedIdentity),
        Auth::Browser,
        Auth::DeviceCode,
    ];

    /// How a person signs in, if it is a person.
    pub(super) fn flow(self) -> Option<Flow> {
        match self {
            Auth::Entra(_) => None,
            Auth::Browser => Some(Flow::Browser),
            Auth::DeviceCode => Some(Flow::DeviceCode),
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Auth::Entra(method) => method.as_str(),
            Auth::Browser => "browser",
            Auth::DeviceCode => "device-code",
        }
    }
}

/// What one table says.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) cloud: Option<String>,
    pub(super) endpoint: Option<String>,
    pub(super) login_url: Option<String>,
    pub(super) mailbox: Option<String>,
    pub(super) ca_file: Option<PathBuf>,
    pub(super) progress: Option<String>,
    pub(super) max_retries: Option<u32>,
    pub(super) volume_limit: Option<u32>,
    pub(super) timeout: Option<Duration>,
    pub(super) token: Option<Secret>,
    pub(super) token_file: Option<PathBuf>,
    pub(super) token_command: Option<CommandLine>,
    pub(super) auth: Option<Auth>,
    pub(super) identity: Identity,
}

/// What the whole file says.
#[derive(Debug)]
pub(super) struct File {
    pub(super) path: PathBuf,
    pub(super) top: Table,
    pub(super) profiles: Vec<(String, Table)>,
}

/// Reads a configuration file's text.
pub(super) fn parse(path: &Path, source: &Text) -> Result<File, Error> {
    let reader = Reader {
        path,
        text: &source.text,
    };
    let root = DeTable::parse(&source.text)
        .map_err(|error| reader.wrong(error.span().unwrap_or_default(), error.message()))?;
    let mut profiles = Vec::new();
    let mut top = Table::default();
    let mut secret = None;
    for (key, value) in root.get_ref() {
        if key.get_ref() != "profile" {
            reader.entry(&mut top, key, value, true)?;
            continue;
        }
        for (name, inner) in reader.table(key.get_ref(), value)? {
            let mut table = Table::default();
            for (key, value) in reader.table(name.get_ref(), inner)? {
                reader.entry(&mut table, key, value, false)?;
            }
            secret = secret.or(table.literal());
            profiles.push((name.get_ref().to_string(), table));
        }
    }
    if let Some(key) = top.literal().or(secret)
        && source.mode & OTHERS != 0
    {
        return Err(Error::OpenToOthers {
            path: path.to_owned(),
            key,
            mode: source.mode & 0o777,
        });
    }
    Ok(File {
        path: path.to_owned(),
        top,
        profiles,
    })
}

impl Table {
    /// The key under which a secret stands in the file itself, if one does.
    fn literal(&self) -> Option<&'static str> {
        match (&self.token, &self.identity.client_secret) {
            (Some(_), _) => Some("token"),
            (None, Some(_)) => Some("client_secret"),
            (None, None) => None,
        }
    }
}

struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
}

type Key<'i> = Spanned<std::borrow::Cow<'i, str>>;
type Value<'i> = Spanned<DeValue<'i>>;

impl Reader<'_> {
    fn entry(
        &self,
        table: &mut Table,
        key: &Key<'_>,
        value: &Value<'_>,
        top: bool,
    ) -> Result<(), Error> {
        let name: &str = key.get_ref();
        let identity = &mut table.identity;
        match name {
            "cloud" => {
                let text = self.string(name, value)?;
                Cloud::named(&text)
                    .map_err(|problem| self.wrong(value.span(), &problem.to_string()))?;
                table.cloud = Some(text);
            }
            "endpoint" => {
                let text = self.string(name, value)?;
                endpoint::graph(&text).map_err(|problem| {
                    self.wrong(value.span(), &format!("cannot use the endpoint: {problem}"))
                })?;
                table.endpoint = Some(text);
            }
            "login_url" => table.login_url = Some(self.string(name, value)?),
            "mailbox" => table.mailbox = Some(self.string(name, value)?),
            "progress" => {
                let text = self.string(name, value)?;
                if Progress::from_str(&text, false).is_err() {
                    let problem = format!("`progress` must be one of {}", super::PROGRESS_CHOICES);
                    return Err(self.wrong(value.span(), &problem));
                }
                table.progress = Some(text);
            }
            "ca_file" => table.ca_file = Some(self.file(name, value)?),
            "max_retries" => table.max_retries = Some(self.number(name, value, 0)?),
            "volume_limit" => table.volume_limit = Some(self.number(name, value, 0)?),
            "timeout" => table.timeout = Some(self.time(name, value)?),
            "token" => table.token = Some(Secret::new(self.string(name, value)?)),
            "token_file" => table.token_file = Some(self.file(name, value)?),
            "token_command" => table.token_command = Some(self.command(name, value)?),
            "auth" => table.auth = Some(self.auth(name, value)?),
            "tenant" => identity.tenant = Some(self.string(name, value)?),
            "client_id" => identity.client_id = Some(self.string(name, value)?),
            "client_secret" => {
                identity.client_secret = Some(Secret::new(self.string(name, value)?));
            }
            "client_secret_file" => identity.client_secret_file = Some(self.file(name, value)?),
            "client_certificate_file" => {
                identity.client_certificate_file = Some(self.file(name, value)?);
            }
            "federated_token_file" => {
                identity.federated_token_file = Some(self.file(name, value)?);
            }
            _ => {
                let known = KEYS.iter().copied().chain(top.then_some("profile"));
                let nearest = nearest(name, known).unwrap_or_default();
                return Err(self.wrong(
                    key.span(),
                    &format!("unknown key `{name}`; did you mean `{nearest}`?"),
                ));
            }
        }
        Ok(())
    }

    fn string(&self, key: &str, value: &Value<'_>) -> Result<String, Error> {
        match value.get_ref() {
            DeValue::String(text) if text.trim().is_empty() => {
                Err(self.wrong(value.span(), &format!("`{key}` is empty")))
            }
            DeValue::String(text) => Ok(text.to_string()),
            _ => Err(self.wrong_type(key, "a string", value)),
        }
    }

    /// A path; a relative one starts at the file's own directory, wherever the command is run.
    fn file(&self, key: &str, value: &Value<'_>) -> Result<PathBuf, Error> {
        let text = self.string(key, value)?;
        Ok(match self.path.parent() {
            Some(directory) => directory.join(text),
            None => PathBuf::from(text),
        })
    }

    fn number(&self, key: &str, value: &Value<'_>, least: u32) -> Result<u32, Error> {
        let DeValue::Integer(integer) = value.get_ref() else {
            return Err(self.wrong_type(key, "a whole number", value));
        };
        u32::from_str_radix(integer.as_str(), integer.radix())
            .ok()
            .filter(|number| *number >= least)
            .ok_or_else(|| {
                let problem = format!("`{key}` must be a whole number from {least} up");
                self.wrong(value.span(), &problem)
            })
    }

    /// A whole number of seconds, or text with a unit.
    fn time(&self, key: &str, value: &Value<'_>) -> Result<Duration, Error> {
        match value.get_ref() {
            DeValue::String(text) => time::parse(text).map_err(|why| {
                self.wrong(value.span(), &format!("`{key}` is not a valid time: {why}"))
            }),
            _ => {
                let seconds = self.number(key, value, 1)?;
                Ok(Duration::from_secs(seconds.into()))
            }
        }
    }

    fn command(&self, key: &str, value: &Value<'_>) -> Result<CommandLine, Error> {
        match value.get_ref() {
            DeValue::Array(items) => {
                let words = items
                    .iter()
                    .map(|item| match item.get_ref() {
                        // An argument may well be empty, unlike a value.
                        DeValue::String(text) => Ok(text.to_string()),
                        _ => Err(self.wrong_type(key, "an array of strings", item)),
                    })
                    .collect::<Result<Vec<_>, _>>()?;
                if words.first().is_none_or(|word| word.trim().is_empty()) {
                    return Err(self.wrong(value.span(), &format!("`{key}` names no command")));
                }
                Ok(CommandLine::Words(words))
            }
            DeValue::String(_) => Ok(CommandLine::Line(self.string(key, value)?.into())),
            _ => Err(self.wrong_type(key, "an array of strings", value)),
        }
    }

    fn auth(&self, key: &str, value: &Value<'_>) -> Result<Auth, Error> {
        let wanted = self.string(key, value)?;
        Auth::ALL
            .into_iter()
            .find(|auth| auth.as_str() == wanted)
            .ok_or_else(|| {
                let names = Auth::ALL
                    .map(|auth| format!("`{}`", auth.as_str()))
                    .join(", ");
                self.wrong(value.span(), &format!("`{key}` must be one of {names}"))
            })
    }

    fn table<'v, 'i>(&self, key: &str, value: &'v Value<'i>) -> Result<&'v DeTable<'i>, Error> {
        match value.get_ref() {
            DeValue::Table(table) => Ok(table),
            _ => Err(self.wrong_type(key, "a table", value)),
        }
    }

    fn wrong_type(&self, key: &str, expected: &str, value: &Value<'_>) -> Error {
        let found = match value.get_ref() {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a fraction",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "an array",
            DeValue::Table(_) => "a table",
        };
        self.wrong(
            value.span(),
            &format!("`{key}` must be {expected}, and is {found}"),
        )
    }

    fn wrong(&self, span: Range<usize>, problem: &str) -> Error {
        let (line, column) = position(self.text, span.start);
        Error::File {
            path: self.path.to_owned(),
            line,
            column,
            problem: problem.to_owned(),
        }
    }
}

/// Line and column, both from 1 and in characters, of a byte offset.
fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before
        .rsplit('\n')
        .next()
        .unwrap_or_default()
        .chars()
        .count()
        + 1;
    (line, column)
}

/// The known name that takes the fewest edits to reach.
pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known.min_by_key(|candidate| strsim::damerau_levenshtein(name, candidate))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<File, Error> {
        read_with_mode(text, 0o600)
    }

    fn read_with_mode(text: &str, mode: u32) -> Result<File, Error> {
        parse(
            Path::new("/etc/c.toml"),
            &Text {
                text: text.to_owned(),
                mode,
            },
        )
    }

    fn complaint(text: &str) -> String {
        read(text).unwrap_err().to_string()
    }

    #[test]
    fn unknown_keys_name_the_nearest() {
        assert_eq!(
            complaint("cloud = \"public\"\nendpont = \"x\"\n"),
            "/etc/c.toml, line 2, column 1: unknown key `endpont`; did you mean `endpoint`?"
        );
        assert!(complaint("[profiles.x]\n").contains("did you mean `profile`?"));
        assert!(
            complaint("[profile.x]\n  tokenfile = \"a\"\n")
                .contains("line 2, column 3: unknown key `tokenfile`; did you mean `token_file`?")
        );
    }

    #[test]
    fn type_errors_name_line_column_and_key() {
        assert_eq!(
            complaint("\ncloud = 3\n"),
            "/etc/c.toml, line 2, column 9: `cloud` must be a string, and is a whole number"
        );
        assert!(complaint("max_retries = \"3\"").contains("must be a whole number"));
        assert!(complaint("max_retries = -1").contains("from 0 up"));
        assert!(complaint("timeout = 0").contains("from 1 up"));
        assert!(complaint("token_command = [\"az\", 1]").contains("column 24"));
        assert!(complaint("token_command = []").contains("names no command"));
        assert!(complaint("profile = 1").contains("must be a table"));
        assert!(complaint("profile.x = 1").contains("`x` must be a table"));
        assert!(complaint("auth = \"device\"").contains("`device-code`"));
        assert!(complaint("endpoint = \" \"").contains("`endpoint` is empty"));
    }

    #[test]
    fn syntax_errors_have_a_position_and_quote_nothing() {
        let text = complaint("token = \"CANARY\noops\n");
        assert!(text.starts_with("/etc/c.toml, line "), "{text}");
        assert!(!text.contains("CANARY"), "{text}");
    }

    #[test]
    fn columns_count_characters() {
        assert_eq!(position("é = ü", 5), (1, 5));
        assert_eq!(position("a\nbc", 3), (2, 2));
    }

    #[test]
    fn a_literal_secret_wants_a_private_file() {
        for text in [
            "token = \"x\"",
            "[profile.a]\nclient_secret = \"x\"",
            "[profile.a]\ntoken=\"x\"",
        ] {
            assert!(read_with_mode(text, 0o600).is_ok());
            assert!(read_with_mode(text, 0o400).is_ok());
            for mode in [0o640, 0o604, 0o644, 0o620, 0o601] {
                assert!(
                    matches!(read_with_mode(text, mode), Err(Error::OpenToOthers { .. })),
                    "{text} {mode:o}"
                );
            }
        }
        assert!(read_with_mode("token_file = \"x\"", 0o644).is_ok());
    }

    #[test]
    fn relative_paths_start_at_the_files_directory() {
        let file = read("token_file = \"t\"\nca_file = \"/abs\"").unwrap();
        assert_eq!(file.top.token_file.unwrap(), Path::new("/etc/t"));
        assert_eq!(file.top.ca_file.unwrap(), Path::new("/abs"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_without_quoting_values(
            key in "[a-z_]{1,12}",
            value in "[A-Z]{16}",
        ) {
            if let Err(error) = read(&format!("{key} = \"{value}\"")) {
                prop_assert!(!error.to_string().contains(&value));
            }
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,80}") {
            let _ = read(&text);
        }
    }
}
