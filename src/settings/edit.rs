//! Writes a few keys into the configuration file, and leaves everything else in it as it is: comments,
//! order, blanks. The library for that is `toml_edit`.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use toml_edit::{DocumentMut, Item, Table, value};

/// The file could not be changed. Never quotes it.
#[derive(Debug, thiserror::Error)]
#[error("cannot change the configuration file `{}`: {why}", path.display())]
pub struct NotSaved {
    /// The file.
    pub path: std::path::PathBuf,
    /// Why.
    pub why: String,
}

/// Keys of which at most one may stand in a table.
const SOURCES: [&str; 4] = ["auth", "token", "token_command", "token_file"];

/// Sets keys of a profile, or at the top level; makes the file and the profile if they are not there.
/// `auth` is left out where the table says already where its tokens come from.
///
/// # Errors
/// When the file cannot be read, is not TOML, or cannot be written.
pub fn remember(path: &Path, profile: Option<&str>, keys: &[(&str, &str)]) -> Result<(), NotSaved> {
    let wrong = |why: String| NotSaved {
        path: path.to_owned(),
        why,
    };
    let failed = |error: io::Error| wrong(error.to_string());
    // Behind a link the file itself is changed.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let (text, mode) = match fs::read_to_string(&target) {
        Ok(text) => {
            let metadata = fs::metadata(&target).map_err(failed)?;
            (text, metadata.permissions().mode() & 0o777)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => (String::new(), 0o600),
        Err(error) => return Err(failed(error)),
    };
    let changed = edited(&text, profile, keys).map_err(|why| wrong(why.into()))?;
    let directory = target
        .parent()
        .filter(|directory| !directory.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let write = || -> io::Result<()> {
        fs::create_dir_all(directory)?;
        let mut file = tempfile::Builder::new()
            .prefix(".tmp-config-")
            .tempfile_in(directory)?;
        file.write_all(changed.as_bytes())?;
        file.as_file()
            .set_permissions(fs::Permissions::from_mode(mode))?;
        file.as_file().sync_all()?;
        file.persist(&target).map_err(|error| error.error)?;
        Ok(())
    };
    write().map_err(failed)
}

/// The changed text. Pure.
fn edited(
    text: &str,
    profile: Option<&str>,
    keys: &[(&str, &str)],
) -> Result<String, &'static str> {
    let mut document: DocumentMut = text.parse().map_err(|_| "it is not TOML")?;
    let table: &mut dyn toml_edit::TableLike = match profile {
        None => document.as_table_mut(),
        Some(profile) => {
            let mut profiles = Table::new();
            // `[profile.x]` says it all.
            profiles.set_implicit(true);
            let profiles = document
                .entry("profile")
                .or_insert(Item::Table(profiles))
                .as_table_like_mut()
                .ok_or("`profile` in it is not a table")?;
            profiles
                .entry(profile)
                .or_insert(Item::Table(Table::new()))
                .as_table_like_mut()
                .ok_or("the profile in it is not a table")?
        }
    };
    let has_source = SOURCES.iter().any(|key| table.contains_key(key));
    for (key, text) in keys {
        if *key == "auth" && has_source {
            continue;
        }
        match table.get_mut(key) {
            // The comment behind the value stays.
            Some(Item::Value(old)) => {
                let decor = old.decor().clone();
                *old = (*text).into();
                *old.decor_mut() = decor;
            }
            _ => {
                table.insert(key, value(*text));
            }
        }
    }
    Ok(document.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [(&str, &str); 2] = [("client_id", "app"), ("auth", "browser")];

    #[test]
    fn what_is_there_stays_as_it_is() {
        let text = "# mine\ncloud = 'public'   # yes\n\n[profile.work]\nclient_id = \"old\" # id\n";
        assert_eq!(
            edited(text, Some("work"), &KEYS).unwrap(),
            "# mine\ncloud = 'public'   # yes\n\n[profile.work]\nclient_id = \"app\" # id\nauth = \
             \"browser\"\n"
        );
        assert_eq!(
            edited(text, None, &KEYS).unwrap(),
            "# mine\ncloud = 'public'   # yes\nclient_id = \"app\"\nauth = \"browser\"\n\n\
             [profile.work]\nclient_id = \"old\" # id\n"
        );
        assert_eq!(
            edited("", Some("a b"), &KEYS).unwrap(),
            "[profile.\"a b\"]\nclient_id = \"app\"\nauth = \"browser\"\n"
        );
    }

    #[test]
    fn a_table_that_has_a_source_of_tokens_gets_no_other() {
        for source in [
            "token_file = \"t\"",
            "auth = \"device-code\"",
            "token = \"x\"",
        ] {
            let text = edited(source, None, &KEYS).unwrap();
            assert!(!text.contains("\"browser\""), "{text}");
        }
    }

    #[test]
    fn what_is_not_toml_is_not_touched_or_quoted() {
        for text in ["token = CANARY", "profile = 1", "profile.work = 1"] {
            assert!(
                !edited(text, Some("work"), &KEYS)
                    .unwrap_err()
                    .contains("CANARY")
            );
        }
    }

    #[test]
    fn the_file_is_made_private_and_keeps_its_mode_and_its_link() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("new/config.toml");
        remember(&path, None, &KEYS).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let link = home.path().join("link.toml");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        remember(&link, Some("work"), &KEYS).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(mode(&path), 0o640);
        assert!(
            fs::read_to_string(&path)
                .unwrap()
                .contains("[profile.work]")
        );
    }
}
