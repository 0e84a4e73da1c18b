//! What can go stale, and the rules of the house that no compiler knows.

use std::{
    fs,
    path::{Path, PathBuf},
};

use graph_attach::report;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources(dir: &str) -> Vec<PathBuf> {
    let mut all = Vec::new();
    let mut folders = vec![root().join(dir)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                all.push(path);
            }
        }
    }
    assert!(!all.is_empty());
    all
}

#[test]
fn every_source_file_says_what_it_is() {
    for path in ["src", "crates", "tests", "benches"]
        .into_iter()
        .flat_map(sources)
    {
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("//! "), "{} has no header", path.display());
        for word in [
            concat!("TO", "DO"),
            concat!("FIX", "ME"),
            concat!("X", "XX "),
        ] {
            assert!(!text.contains(word), "{} says {word}", path.display());
        }
    }
}

#[test]
fn the_upload_client_knows_no_token() {
    let text =
        fs::read_to_string(root().join("crates/graph-upload/src/client/upload_host.rs")).unwrap();
    for name in ["auth::", "Token", "Bearer", "AUTHORIZATION"] {
        assert!(!text.contains(name), "{name}");
    }
}

#[test]
fn the_readme_s_exit_codes_are_the_program_s() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    for (code, words) in [
        (report::SUCCESS, "everything attached"),
        (report::FAILURE, "unclassified"),
        (report::USAGE, "usage or configuration"),
        (report::PARTIAL, "some files attached, some not"),
        (report::CREDENTIALS, "credentials"),
        (report::TEMPORARY, "temporary"),
        (report::NOT_FOUND, "not found"),
        (report::REFUSED, "refused by the service"),
        (report::FILE, "local file"),
        (report::STATE, "state directory"),
        (report::CONTRADICTION, "verification failed"),
    ] {
        let row = readme
            .lines()
            .find(|line| line.starts_with(&format!("| {code} |")));
        assert!(row.is_some_and(|row| row.contains(words)), "{code} {words}");
    }
}

#[test]
fn links_in_the_documents_lead_somewhere() {
    let mut documents = vec![root().join("README.md"), root().join("CHANGELOG.md")];
    for entry in fs::read_dir(root().join("docs")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "md") {
            documents.push(path);
        }
    }
    for document in documents {
        let text = fs::read_to_string(&document).unwrap();
        let folder = document.parent().unwrap();
        for link in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            let target = link.split('#').next().unwrap_or_default();
            if target.is_empty() || target.contains("://") || target.contains(' ') {
                continue;
            }
            assert!(
                folder.join(target).exists(),
                "{}: {link}",
                document.display()
            );
        }
    }
}

#[test]
fn the_readme_s_main_job_is_what_the_gate_runs() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let gate = fs::read_to_string(root().join(".ci/run")).unwrap();
    let job = "sandbox -- graph-attach attach README.md target/release/graph-attach";
    assert!(readme.contains(&format!("cargo run --release -- {job}")));
    assert!(gate.contains(&format!("cargo run --locked --release -- {job}")));
    assert!(readme.contains("\ncargo test\n") && gate.contains("\ncargo test --locked\n"));
}
