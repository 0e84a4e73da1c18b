//! Help that teaches: every command begins with three examples, and every example is one that the
//! command line takes.

use clap::Command;
use graph_attach::args;

/// Every command that can be run or asked for help, with the words that lead to it.
fn all(command: &Command, path: &str, into: &mut Vec<(String, String)>) {
    let path = format!("{path} {}", command.get_name());
    let help = command.clone().render_long_help().to_string();
    into.push((path.trim().to_owned(), help));
    for sub in command.get_subcommands() {
        all(sub, &path, into);
    }
}

fn examples(help: &str) -> Vec<&str> {
    help.lines()
        .skip(1)
        .take_while(|line| line.starts_with("  "))
        .map(|line| line.trim_start())
        .collect()
}

/// The words of every call of this program in an example, which may be a pipeline.
fn calls(example: &str) -> Vec<Vec<String>> {
    // What follows three blanks is a remark.
    let line = example.split("   ").next().unwrap();
    let mut words = shlex::split(line).unwrap_or_else(|| panic!("quotes: {line}"));
    let mut found = Vec::new();
    for word in &mut words {
        if let Some(inner) = word
            .strip_prefix("$(")
            .and_then(|rest| rest.strip_suffix(')'))
        {
            found.extend(calls(inner));
            *word = "ID".to_owned();
        }
    }
    let parts = words.split(|word| word == "|" || word == ">");
    found.extend(parts.filter_map(|part| {
        let at = part.iter().position(|word| word == "graph-attach")?;
        let mut call = part[at..].to_vec();
        // `xargs` adds the rest.
        call.extend((at > 0).then(|| "ID".to_owned()));
        Some(call)
    }));
    found
}

#[test]
fn every_help_begins_with_three_examples_that_work() {
    let mut commands = Vec::new();
    let mut root = args::command();
    root.build();
    all(&root, "", &mut commands);
    assert!(commands.len() >= 15, "{}", commands.len());
    for (path, help) in &commands {
        assert!(help.starts_with("Examples:\n"), "{path}: {help}");
        let examples = examples(help);
        assert!(examples.len() >= 3, "{path}: {examples:?}");
        let own = examples.iter().filter(|line| {
            let line = line.replace("graph-attach -- graph-attach", "");
            path.split(' ').all(|word| line.contains(word))
        });
        assert!(own.count() >= 1, "{path}: {examples:?}");
        for example in examples {
            let calls = calls(example);
            assert!(!calls.is_empty(), "{path}: {example}");
            for words in calls {
                if let Err(error) = args::command().try_get_matches_from(&words) {
                    panic!("{path}: {example}: {error}");
                }
            }
        }
    }
}

#[test]
fn what_is_mistyped_is_guessed() {
    let stage = crate::support::Stage::new();
    stage.run(["attahc"]).code(2).says("'attach'");
    stage
        .run(["attach", "--mesage", "x", "f"])
        .code(2)
        .says("'--message'");
    stage.run(["find", "draft"]).code(2).says("'drafts'");
    stage.run(["auth", "statsu"]).code(2).says("'status'");
    assert!(stage.sandbox.requests().is_empty());
}
