//! Neither the token nor an upload URL shows anywhere but in the session's own file, and there only
//! as long as the session lives.

use std::{fs, path::Path};

use crate::support::Stage;

/// Marks in the stand-in's upload URLs: the query that carries the credential.
const URL_MARK: &str = "authtoken";

fn assert_clean(text: &str, token: &str, what: &str) {
    for secret in [token, URL_MARK, "AttachmentSessions"] {
        assert!(!text.contains(secret), "{what} shows `{secret}`: {text}");
    }
}

/// Every file below `dir`.
fn files(dir: &Path) -> Vec<std::path::PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(files(&path))
        } else {
            all.push(path)
        }
    }
    all
}

#[test]
fn no_output_shows_a_secret_whatever_happens() {
    std::thread::scope(|scope| {
        for place in ["create", "put", "list", "delete", "status"] {
            for what in [
                "500", "401", "403", "404", "429:0", "drop", "lost", "reset:10", "html", "expire",
            ] {
                if what == "expire" && matches!(place, "create" | "list") {
                    continue;
                }
                scope.spawn(move || {
                    let stage = Stage::with_faults(&[&format!("{place}@1x2={what}")]);
                    stage.file("f.bin", 5_000_000);
                    let token = stage.sandbox.token().to_owned();
                    for args in [
                        &[
                            "attach",
                            "-vv",
                            "--max-retries=1",
                            "--chunk-size=3MiB",
                            "f.bin",
                        ][..],
                        &["status", "-vv", "--json"],
                        &["resume", "-vv", "--max-retries=1", "--all"],
                        &["cancel", "-vv", "--all"],
                    ] {
                        let mut command = stage.command(args);
                        let output = command
                            .env("RUST_LOG", "trace")
                            .env("RUST_BACKTRACE", "1")
                            .output()
                            .unwrap();
                        for stream in [output.stdout, output.stderr] {
                            assert_clean(
                                &String::from_utf8_lossy(&stream),
                                &token,
                                &format!("{args:?} {place} {what}"),
                            );
                        }
                    }
                });
            }
        }
    });
}

#[test]
fn files_hold_the_url_as_long_as_it_is_needed_and_the_token_never() {
    let stage = Stage::with_faults(&["put@2x99=503:0"]);
    stage.file("f.bin", 5_000_000);
    let token = stage.sandbox.token().to_owned();
    stage.run(["attach", "--max-retries=0", "f.bin"]).code(5);
    let session = stage.session_file();
    for path in files(stage.home.path()) {
        let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
        assert!(!text.contains(&token), "{path:?}");
        assert_eq!(text.contains(URL_MARK), path == session, "{path:?}");
    }
    stage.sandbox.clear_faults();
    stage.run(["resume"]).code(0);
    for path in files(stage.home.path()) {
        let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
        assert_clean(&text, &token, &path.display().to_string());
    }
}

#[test]
fn the_bearer_never_reaches_the_upload_url_and_nothing_else_is_said_there() {
    let stage = Stage::with_faults(&["put@2=lost"]);
    stage.file("f.bin", 9_000_000);
    stage.run(["attach", "f.bin"]).code(0);
    let seen = stage.sandbox.requests();
    let (uploads, graph): (Vec<_>, Vec<_>) = seen
        .into_iter()
        .partition(|seen| seen.path.contains("AttachmentSessions"));
    assert!(uploads.len() >= 4 && !graph.is_empty());
    assert!(uploads.iter().all(|seen| !seen.authorization));
    assert!(graph.iter().all(|seen| seen.authorization));
}
