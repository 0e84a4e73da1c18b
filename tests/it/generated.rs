//! What is generated and committed is what this version generates: completions, manual pages, and the
//! table of settings.
//!
//! `UPDATE=1 cargo test --test it generated` writes them anew.

use std::{collections::BTreeMap, fs, path::Path};

use clap::ValueEnum;
use clap_complete::{Generator, Shell};
use graph_attach::{args, settings};

/// Compares a folder with what belongs in it, or writes it.
fn current(folder: &str, files: &BTreeMap<String, String>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    if std::env::var_os("UPDATE").is_some() {
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        for (name, text) in files {
            fs::write(folder.join(name), text).unwrap();
        }
    }
    let found: BTreeMap<String, String> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect();
    let names = |files: &BTreeMap<String, String>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(
        names(&found),
        names(files),
        "UPDATE=1 cargo test --test it generated"
    );
    for (name, text) in files {
        assert!(
            found[name] == *text,
            "{name} is not current: UPDATE=1 cargo test --test it generated"
        );
    }
}

#[test]
fn completions_are_current() {
    let files = Shell::value_variants().iter().map(|shell| {
        (
            shell.file_name("graph-attach"),
            args::completions::script(*shell),
        )
    });
    current("completions", &files.collect());
}

#[test]
fn manual_pages_are_current() {
    let folder = tempfile::tempdir().unwrap();
    clap_mangen::generate_to(args::command(), folder.path()).unwrap();
    let files = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, fs::read_to_string(path).unwrap())
        });
    let mut files: BTreeMap<String, String> = files.collect();
    assert!(files.contains_key("graph-attach-attach.1"));
    let main = files.get_mut("graph-attach.1").unwrap();
    let at = main.find(".SH VERSION").unwrap();
    main.insert_str(at, &settings::table::manual());
    current("docs/man", &files);
}

#[test]
fn the_table_of_settings_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md");
    let text = fs::read_to_string(&path).unwrap();
    let start = text.find("| what | flag |").unwrap();
    let end = start + text[start..].find("\n\n").unwrap() + 1;
    if std::env::var_os("UPDATE").is_some() {
        let rest = &text[end..];
        let new = format!("{}{}{rest}", &text[..start], settings::table::markdown());
        fs::write(&path, new).unwrap();
        return;
    }
    assert!(
        text[start..end] == settings::table::markdown(),
        "docs/configuration.md is not current: UPDATE=1 cargo test --test it generated"
    );
}
