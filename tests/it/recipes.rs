//! Every recipe in `docs/recipes.md` does what it says. The shell blocks are run as they stand; of the
//! crontab, the workflow and the unit, the command lines inside.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

use crate::support::{BINARY, Run, Stage, has};

/// A recipe: its heading, and its blocks as language and text.
struct Recipe {
    heading: String,
    blocks: Vec<(String, String)>,
}

fn recipes() -> Vec<Recipe> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/recipes.md");
    let text = fs::read_to_string(path).unwrap();
    let sections = text.split("\n## ").skip(1);
    let recipes = sections.map(|section| {
        let (heading, rest) = section.split_once('\n').unwrap();
        let blocks = rest.split("```").skip(1).step_by(2).map(|block| {
            let (language, code) = block.split_once('\n').unwrap();
            (language.to_owned(), code.to_owned())
        });
        Recipe {
            heading: heading.to_owned(),
            blocks: blocks.collect(),
        }
    });
    recipes.collect()
}

/// The script in a block; `None` for one that holds no command.
fn script(language: &str, code: &str) -> Option<String> {
    match language {
        "sh" => Some(code.to_owned()),
        // Five fields of time, then the command, in which cron takes a bare `%` for a line break.
        "crontab" => {
            let command = code.split_whitespace().nth(5).unwrap();
            let at = code.find(command).unwrap();
            assert!(!code[at..].replace("\\%", "").contains('%'));
            Some(code[at..].replace("\\%", "%"))
        }
        "yaml" => {
            let steps = code.split("run: |\n").skip(1).map(|step| {
                let indent = step.len() - step.trim_start().len();
                let lines = step
                    .lines()
                    .take_while(|line| line.len() - line.trim_start().len() >= indent);
                lines
                    .map(|line| format!("{}\n", &line[indent..]))
                    .collect::<String>()
            });
            Some(format!("set -e\n{}", steps.collect::<String>()))
        }
        "ini" => {
            let start = code
                .lines()
                .find_map(|line| line.strip_prefix("ExecStart="))?;
            Some(start.strip_prefix("/usr/local/bin/").unwrap().to_owned())
        }
        other => panic!("a block of `{other}`"),
    }
}

/// Runs a recipe in bash, with stubs for the programs of others.
fn cook(stage: &Stage, heading: &str, variables: &[(&str, &str)]) -> Run {
    let recipe = recipes()
        .into_iter()
        .find(|recipe| recipe.heading == heading);
    let recipe = recipe.unwrap_or_else(|| panic!("no recipe `{heading}`"));
    let stubs = stage.home.path().join("stubs");
    fs::create_dir_all(&stubs).unwrap();
    for (name, script) in [
        ("pg_dump", "#!/bin/sh\necho \"-- dump of $1\"\n"),
        ("curl", "#!/bin/sh\necho '{\"value\": \"jwt\"}'\n"),
    ] {
        fs::write(stubs.join(name), script).unwrap();
        fs::set_permissions(stubs.join(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = format!(
        "{}:{}:{}",
        stubs.display(),
        Path::new(BINARY).parent().unwrap().display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let blocks = recipe.blocks.iter();
    let scripts: Vec<String> = blocks.filter_map(|(l, code)| script(l, code)).collect();
    assert_eq!(scripts.len(), 1, "{heading}");
    let output = Command::new("bash")
        .args(["--norc", "-c", &scripts[0]])
        .env_clear()
        .envs(stage.environment())
        .env("PATH", path)
        .env("id", stage.sandbox.message())
        .envs(variables.iter().copied())
        .current_dir(stage.home.path())
        .output()
        .expect("bash runs");
    Run::of(output)
}

/// A stage with these files in a folder `out`.
fn stage_with(files: &[(&str, usize)]) -> Stage {
    let stage = Stage::new();
    fs::create_dir(stage.home.path().join("out")).unwrap();
    for (name, size) in files {
        stage.file(&format!("out/{name}"), *size);
    }
    stage
}

fn names(stage: &Stage) -> Vec<String> {
    let mut names: Vec<_> = stage.held().into_iter().map(|file| file.name).collect();
    names.sort();
    names
}

/// Subject, and names of the attachments, of everything that was sent.
fn sent(stage: &Stage) -> Vec<(String, Vec<String>)> {
    let items = stage.sandbox.items().into_iter();
    items
        .filter(|item| item.folder == "sentitems")
        .map(|item| {
            let names = item.attachments.into_iter().map(|file| file.name);
            (item.subject, names.collect())
        })
        .collect()
}

#[test]
fn cron() {
    let stage = Stage::new();
    fs::create_dir(stage.home.path().join("reports")).unwrap();
    stage.file("reports/latest.pdf", 4_000_000);
    fs::write(stage.home.path().join("letter.txt"), "Dear all").unwrap();
    let run = cook(&stage, "A nightly report from cron", &[]).code(0);
    assert_eq!(run.stderr, "");
    let sent = sent(&stage);
    assert_eq!(sent.len(), 1);
    assert!(sent[0].0.starts_with("Report 2"), "{sent:?}");
    assert_eq!(sent[0].1, ["latest.pdf"]);
}

#[test]
fn dump() {
    let stage = Stage::new();
    cook(&stage, "A database dump, without a file", &[]).code(0);
    let held = stage.held();
    assert!(held[0].name.starts_with("shop-2") && held[0].name.ends_with(".sql.gz"));
    assert!(held[0].size > 20);
}

#[test]
fn folder() {
    let stage = stage_with(&[
        ("a b.pdf", 10),
        ("c\nd.pdf", 10),
        ("e.txt", 10),
        ("f.pdf", 3_500_000),
    ]);
    // A name with a line break cannot be that of an attachment; the others are attached.
    let run = cook(&stage, "Every file of a folder", &[]);
    run.code(3);
    assert_eq!(names(&stage), ["a b.pdf", "f.pdf"]);
    fs::remove_file(stage.home.path().join("out/c\nd.pdf")).unwrap();
    cook(&stage, "Every file of a folder", &[]).code(0);
    assert_eq!(stage.held().len(), 2);
}

#[test]
fn xargs() {
    let stage = stage_with(&[("a b.csv", 10), ("-c.csv", 10), ("d.csv", 25_000_000)]);
    cook(&stage, "With xargs", &[]).code(0);
    assert_eq!(names(&stage), ["-c.csv", "a b.csv"]);
}

#[test]
fn loop_over_failures() {
    if !has("jq", "a recipe") {
        return;
    }
    let stage = stage_with(&[("a.bin", 9_000_000), ("b.bin", 10)]);
    stage.sandbox.add_faults(["put@2=503".parse().unwrap()]);
    let config = stage.home.path().join(".config/graph-attach");
    fs::create_dir_all(&config).unwrap();
    fs::write(config.join("config.toml"), "max_retries = 0\n").unwrap();
    let run = cook(&stage, "A loop over what failed", &[("PAUSE", "0")]).code(0);
    assert_eq!(names(&stage), ["a.bin", "b.bin"], "{run:#?}");
}

#[test]
fn several_drafts() {
    if !has("jq", "a recipe") {
        return;
    }
    let stage = Stage::new();
    stage.file("terms.pdf", 10);
    for subject in ["Offer 1", "Offer 2", "Other"] {
        stage.run(["draft", "--subject", subject]).code(0);
    }
    cook(&stage, "The same file on several drafts", &[]).code(0);
    for item in stage.sandbox.items() {
        assert_eq!(
            item.attachments.len(),
            usize::from(item.subject.starts_with("Offer"))
        );
    }
}

#[test]
fn table() {
    let stage = Stage::new();
    stage.file("1.pdf", 10);
    stage.file("2.pdf", 10);
    let table = "address,file\nann@contoso.com,1.pdf\nbob@contoso.com,2.pdf\n";
    fs::write(stage.home.path().join("invoices.csv"), table).unwrap();
    cook(&stage, "One mail for each line of a table", &[]).code(0);
    let expected =
        ["1.pdf", "2.pdf"].map(|name| ("Your invoice".to_owned(), vec![name.to_owned()]));
    // Rows go side by side.
    let mut sent = sent(&stage);
    sent.sort();
    assert_eq!(sent, expected);
}

#[test]
fn cleanup() {
    if !has("jq", "a recipe") {
        return;
    }
    let stage = stage_with(&[("a.old", 10), ("b.new", 10), ("c.old", 10)]);
    stage
        .run(["attach", "out/a.old", "out/b.new", "out/c.old"])
        .code(0);
    cook(&stage, "A cleanup: remove what is too old", &[]).code(0);
    assert_eq!(names(&stage), ["b.new"]);
}

#[test]
fn workflow() {
    if !has("jq", "a recipe") {
        return;
    }
    let stage = stage_with(&[("tool.zip", 4_000_000), ("docs.zip", 10)]);
    let token = stage.home.path().join("token");
    let variables = [
        ("GITHUB_RUN_NUMBER", "17"),
        ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "t"),
        ("ACTIONS_ID_TOKEN_REQUEST_URL", "https://example.com/?x=y"),
        ("AZURE_FEDERATED_TOKEN_FILE", token.to_str().unwrap()),
    ];
    cook(&stage, "GitHub Actions", &variables).code(0);
    assert_eq!(fs::read_to_string(&token).unwrap(), "jwt\n");
    let files = vec!["docs.zip".to_owned(), "tool.zip".to_owned()];
    assert_eq!(sent(&stage), [("Build 17".to_owned(), files)]);
}

#[test]
fn timer() {
    let stage = stage_with(&[("a.bin", 9_000_000)]);
    stage.sandbox.add_faults(["put@2=503:0".parse().unwrap()]);
    stage
        .run(["attach", "--max-retries=0", "out/a.bin"])
        .code(5);
    cook(&stage, "Resume from a systemd timer", &[]).code(0);
    assert_eq!(names(&stage), ["a.bin"]);
    cook(&stage, "Resume from a systemd timer", &[]).code(0);
}

#[test]
fn every_recipe_is_tried() {
    let source = include_str!("recipes.rs");
    for recipe in recipes() {
        assert!(
            source.contains(&format!("\"{}\"", recipe.heading)),
            "{}",
            recipe.heading
        );
    }
}
