//! Every line of JSON that the binary writes is one that `docs/json.md` describes, and it writes
//! every one of them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::support::{Run, Stage, schema};

/// The schemas in the document, by title.
struct Schemas(BTreeMap<String, Value>);

impl Schemas {
    fn read() -> Self {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/json.md");
        let text = std::fs::read_to_string(path).unwrap();
        let blocks = text.split("```json\n").skip(1);
        let schemas = blocks.map(|block| {
            let block = block.split("```").next().unwrap();
            let schema: Value = serde_json::from_str(block).expect(block);
            (schema["title"].as_str().unwrap().to_owned(), schema)
        });
        Schemas(schemas.collect())
    }

    /// Checks every line; the titles of what was there.
    fn check(&self, text: &str, into: &mut BTreeSet<String>) {
        for line in text.lines() {
            let value: Value =
                serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            let kind = value["type"].as_str().expect(line);
            let title = match value["event"].as_str() {
                Some(event) if kind == "progress" => format!("progress {event}"),
                // Two commands have a summary each, of different things.
                _ if value["status"] == "planned" => "planned row".to_owned(),
                _ if kind == "summary" && value["done"].is_u64() => "batch summary".to_owned(),
                _ => kind.to_owned(),
            };
            let known = self.0.get(&title);
            let known = known.unwrap_or_else(|| panic!("`{title}` is not documented: {line}"));
            schema::check(known, &value, &title).unwrap_or_else(|why| panic!("{why}\n{line}"));
            into.insert(title);
        }
    }
}

/// Runs the binary with JSON on both streams, and checks both.
struct Listener {
    schemas: Schemas,
    seen: BTreeSet<String>,
}

impl Listener {
    fn hear(&mut self, run: Run) -> Run {
        self.schemas.check(&run.stdout, &mut self.seen);
        self.schemas.check(&run.stderr, &mut self.seen);
        run
    }

    fn run(&mut self, stage: &Stage, line: &str) -> Run {
        let words = ["--json", "--progress=json"].into_iter();
        self.hear(stage.run(words.chain(line.split(' '))))
    }
}

#[test]
fn what_is_written_is_what_is_documented() {
    let mut listener = Listener {
        schemas: Schemas::read(),
        seen: BTreeSet::new(),
    };
    let stage = Stage::with_faults(&["put@1=503:0", "put@2=stall:2", "put@3=expire", "any@1=lost"]);
    stage.file("a.txt", 10);
    stage.file("b.bin", 9_000_000);
    let l = &mut listener;
    let draft = l.run(&stage, "draft --to a@b.com --subject S").code(0);
    let id = draft.json()[0]["id"].as_str().unwrap().to_owned();
    l.run(&stage, "attach --verify a.txt b.bin -v").code(0);
    l.run(&stage, "attach a.txt none.txt").code(3);
    l.run(&stage, "attach -n a.txt b.bin none.txt").code(3);
    l.run(&stage, "attach -n --name n -").code(0);
    l.run(&stage, "find drafts").code(0);
    l.run(&stage, "find events").code(0);
    let listed = l.run(&stage, "ls").code(0);
    let attachment = listed.json()[0]["id"].as_str().unwrap().to_owned();
    l.run(&stage, &format!("detach {attachment} AAMkNot="))
        .code(3);
    l.run(&stage, "auth status --check").code(0);
    std::fs::write(stage.home.path().join("t.csv"), "to,subject\na@b.com,T\n").unwrap();
    l.run(&stage, "batch t.csv -n").code(0);
    l.run(&stage, "batch t.csv").code(0);
    // A line that goes on, in the hint of what could not be sent.
    stage.sandbox.clear_faults();
    l.run(
        &stage,
        "attach --new --to a@b.com --subject N --send a.txt none.txt",
    )
    .code(3);
    stage.sandbox.add_faults(["send@1=400".parse().unwrap()]);
    l.run(&stage, &format!("attach --message {id} --send a.txt"))
        .code(7);
    l.run(&stage, &format!("send {id}")).code(0);
    l.run(&stage, "status").code(0);
    l.run(&stage, "prune").code(0);
    stage.sandbox.clear_faults();
    stage.sandbox.add_faults(["put@2x9=503:0".parse().unwrap()]);
    stage.file("c.bin", 9_000_000);
    l.run(&stage, "attach --max-retries 0 c.bin").code(5);
    stage.sandbox.clear_faults();
    stage.sandbox.add_faults(["put@1x9=503:0".parse().unwrap()]);
    l.run(&stage, "resume c.bin --max-retries 1").code(5);
    l.run(&stage, "status").code(0);
    l.run(&stage, "cancel --all").code(0);
    sign_in(l, &stage);
    asked(l, &stage);

    let documented: BTreeSet<String> = listener.schemas.0.keys().cloned().collect();
    let unseen: Vec<_> = documented.difference(&listener.seen).collect();
    assert!(unseen.is_empty(), "never written: {unseen:?}");
}

#[cfg(all(feature = "azure", feature = "login"))]
fn sign_in(listener: &mut Listener, stage: &Stage) {
    use crate::support::{
        entra::{Entra, Manners},
        login_server::{Answer, LoginServer},
        sign_in::{SignIn, browse},
    };

    let entra = Entra::start(Manners::default());
    let login = SignIn::start(stage, &entra, &["--client-id", "a"]);
    browse(&login.url);
    let line = login.line.clone();
    let mut run = login.end().code(0);
    run.stdout.insert_str(0, &line);
    listener.hear(run);

    let token = stage.sandbox.token().to_owned();
    let host = LoginServer::start(move |_, seen| {
        if seen.line.ends_with("/devicecode") {
            Answer::device_code(0, 900)
        } else {
            Answer::login(&token, 3600, "REFRESH")
        }
    });
    for line in [
        "auth login --client-id a --tenant t --no-keyring",
        "auth logout",
    ] {
        let mut command = stage.command(["--json", "--progress=json"]);
        command
            .args(line.split(' '))
            .env_remove("GRAPH_ATTACH_TOKEN")
            .env("AZURE_AUTHORITY_HOST", &host.url);
        listener.hear(Run::of(command.output().unwrap())).code(0);
    }
}

#[cfg(not(all(feature = "azure", feature = "login")))]
fn sign_in(listener: &mut Listener, _: &Stage) {
    // What these would write cannot be written without the feature.
    listener
        .seen
        .extend(["browser", "device_code", "login", "logout"].map(str::to_owned));
}

#[test]
fn every_command_that_fails_says_so_in_json() {
    let stage = Stage::new();
    for (line, code) in [
        ("attach none.txt --message AAMkNot=", 8),
        ("attach", 2),
        ("resume 7Q2KM4XA", 6),
        ("cancel 7Q2KM4XA", 6),
        ("status 7Q2KM4XA", 6),
        ("find --limit 0", 2),
        ("draft", 2),
        ("send AAMkNot= --yes", 6),
        ("ls --message AAMkNot=", 6),
        ("detach --message AAMkNot= AAMkNot=", 6),
        ("auth status --config none.toml", 2),
        ("prune --state-dir /dev/null", 9),
        ("sandbox --config none.toml", 2),
        ("nonsense", 2),
    ] {
        let run = stage.run(line.split(' ').chain(["--json"])).code(code);
        let failed = run.json();
        let failed = failed.iter().find(|line| line["type"] == "failed");
        let failed = failed.unwrap_or_else(|| panic!("{line}: {run:#?}"));
        assert_eq!(failed["exit_code"], code, "{line}");
        assert!(
            !failed["error"]["message"].as_str().unwrap().is_empty(),
            "{line}"
        );
    }
}

/// On a terminal, `send` asks.
fn asked(listener: &mut Listener, stage: &Stage) {
    let id = stage
        .run(["draft", "--to", "a@b.com", "--subject", "Asked"])
        .code(0)
        .id()
        .to_owned();
    let command = stage.process(["send", "--progress=json", &id]);
    let mut terminal = rexpect::session::spawn_command(command, Some(10_000)).unwrap();
    let question = terminal.read_line().unwrap();
    listener.schemas.check(&question, &mut listener.seen);
    terminal.send_line("no").unwrap();
    let rest = terminal.exp_eof().unwrap();
    assert!(rest.contains("nobody said yes"), "{rest}");
}

#[test]
fn the_checker_finds_what_is_wrong() {
    let schema = json!({"type": "object", "properties": {
        "id": {"type": "string", "pattern": "^[0-9A-Z]{8}$"},
        "n": {"type": ["integer", "null"], "minimum": 0},
        "list": {"type": "array", "items": {"enum": ["a", null]}},
    }, "required": ["id"]});
    let check = |value: Value| schema::check(&schema, &value, "x");
    check(json!({"id": "7Q2KM4XA", "n": null, "list": ["a", null]})).unwrap();
    for wrong in [
        json!({}),
        json!({"id": "7q2km4xa"}),
        json!({"id": "7Q2KM4XA", "n": -1}),
        json!({"id": "7Q2KM4XA", "n": "1"}),
        json!({"id": "7Q2KM4XA", "list": ["b"]}),
        json!({"id": "7Q2KM4XA", "more": 1}),
        json!([]),
    ] {
        assert!(check(wrong.clone()).is_err(), "{wrong}");
    }
}
