//! `attach`: every size edge, both kinds of items, both mailboxes, what it prints.

use graph_sandbox::Options;

use crate::support::{Stage, sha256};

/// Attaches one file of `size` bytes; returns how many requests that took.
fn attach(stage: &Stage, size: usize) -> usize {
    let file = stage.file(&format!("{size}.bin"), size);
    let before = stage.sandbox.requests().len();
    let run = stage.run(["attach".as_ref(), file.as_os_str()]).code(0);
    let held = stage.held();
    let attached = held.last().expect("an attachment");
    assert_eq!(attached.id, run.id());
    assert_eq!(attached.name, format!("{size}.bin"));
    assert_eq!(attached.size, size as u64);
    assert_eq!(attached.sha256, sha256(&file));
    stage.sandbox.requests().len() - before
}

#[test]
fn every_size_edge() {
    let stage = Stage::new();
    const CHUNK: usize = 3_932_160;
    for (count, (size, requests)) in [
        (0, 2),
        (1, 2),
        (2_999_999, 2),
        (3_000_000, 3),
        (CHUNK - 1, 3),
        (CHUNK, 3),
        (CHUNK + 1, 4),
        (10 * 1_048_576 + 1, 5),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(attach(&stage, size), requests, "{size} bytes");
        assert_eq!(stage.held().len(), count + 1);
    }
}

#[test]
fn the_largest_file_takes_one_request_a_range() {
    let stage = Stage::new();
    let requests = attach(&stage, 150_000_000);
    let ranges = 150_000_000_usize.div_ceil(3_932_160);
    assert!(
        (1 + ranges..=1 + ranges + 2).contains(&requests),
        "{requests}"
    );
}

#[test]
fn a_file_over_the_limit_is_refused_here() {
    let stage = Stage::new();
    let file = stage.file("big", 0);
    std::fs::File::options()
        .write(true)
        .open(&file)
        .unwrap()
        .set_len(157_286_401)
        .unwrap();
    let run = stage.run(["attach".as_ref(), file.as_os_str()]).code(8);
    run.says("150 MB (157286400 bytes)");
    assert!(stage.sandbox.requests().is_empty());
}

#[test]
fn the_service_s_own_limit_is_exit_7() {
    let stage = Stage::with(Options {
        message_limit: Some(5_000_000),
        ..Options::default()
    });
    let file = stage.file("f", 6_000_000);
    let run = stage.run(["attach".as_ref(), file.as_os_str()]).code(7);
    let run = run
        .says("35 MB")
        .says("ErrorMessageSizeExceeded")
        .says("request-id");
    assert!(run.stdout.is_empty());
    assert!(stage.held().is_empty());
    // What is not attached is not forgotten either: `attach || resume` never succeeds without it.
    stage.run(["resume"]).code(7).says("35 MB");
    stage.run(["cancel", "--all"]).code(0);
    stage.run(["resume"]).code(0).says("no upload to resume");
}

#[test]
fn events_and_other_mailboxes() {
    let stage = Stage::new();
    let small = stage.file("small.txt", 10);
    let large = stage.file("large.bin", 4_000_000);
    for mailbox in [None, Some("sandbox@example.com")] {
        for (flag, id) in [
            ("--message", stage.sandbox.message()),
            ("--event", stage.sandbox.event()),
        ] {
            let mut command = stage.command(["attach", flag, id, "--again"]);
            command.args(mailbox.map(|mailbox| format!("--mailbox={mailbox}")));
            let output = command.args([&small, &large]).output().unwrap();
            assert!(output.status.success(), "{output:?}");
            let held = stage.held_by(id);
            let ids: Vec<&str> = held
                .iter()
                .rev()
                .take(2)
                .rev()
                .map(|file| file.id.as_str())
                .collect();
            assert_eq!(
                String::from_utf8(output.stdout).unwrap(),
                format!("{}\n{}\n", ids[0], ids[1])
            );
        }
    }
    assert_eq!(stage.held().len(), 4);
    assert_eq!(stage.held_by(stage.sandbox.event()).len(), 4);
}

#[test]
fn names_types_and_inline_images_on_both_routes() {
    let stage = Stage::new();
    for (size, name) in [(10, "bild ü.png"), (3_000_001, "foto 写真.png")] {
        let file = stage.file("x", size);
        let args = [
            "attach",
            "--name",
            name,
            "--inline",
            "--content-id",
            "<pic>",
            "--content-type",
            "image/x-own",
        ];
        stage
            .run(
                args.iter()
                    .map(|arg| arg.as_ref())
                    .chain([file.as_os_str()]),
            )
            .code(0);
        let held = stage.held();
        let file = held.last().unwrap();
        assert_eq!((file.name.as_str(), file.is_inline), (name, true));
        assert_eq!(file.content_id.as_deref(), Some("pic"));
        assert_eq!(file.content_type.as_deref(), Some("image/x-own"));
    }
}

#[test]
fn json_says_what_the_contract_says() {
    let stage = Stage::new();
    let small = stage.file("small.txt", 10);
    let large = stage.file("large.bin", 4_000_000);
    let missing = stage.home.path().join("missing");
    let run = Stage::run(
        &stage,
        [
            "attach".as_ref(),
            "--json".as_ref(),
            small.as_os_str(),
            missing.as_os_str(),
            large.as_os_str(),
        ],
    )
    .code(3);
    let lines = run.json();
    assert_eq!(lines.len(), 4);
    assert_eq!(lines[0]["type"], "attached");
    assert_eq!(lines[0]["file"], small.to_str().unwrap());
    assert_eq!(lines[0]["route"], "post");
    assert!(lines[0]["session"].is_null());
    assert_eq!(lines[0]["sha256"], sha256(&small));
    assert_eq!(lines[1]["type"], "failed");
    assert_eq!(lines[1]["exit_code"], 8);
    assert_eq!(lines[1]["error"]["code"], "FileMissing");
    assert!(lines[1]["error"]["status"].is_null() && lines[1]["resume"].is_null());
    assert_eq!(lines[2]["route"], "session");
    assert_eq!(lines[2]["session"].as_str().unwrap().len(), 8);
    assert_eq!(lines[2]["size"], 4_000_000);
    for key in ["resumed", "already", "verified"] {
        assert_eq!(lines[2][key], false, "{key}");
    }
    assert!(lines[2]["seconds"].is_f64());
    assert_eq!(lines[3]["type"], "summary");
    assert_eq!(
        (&lines[3]["attached"], &lines[3]["failed"]),
        (&2.into(), &1.into())
    );
    assert_eq!(lines[3]["bytes"], 4_000_010);
}

#[test]
fn run_again_it_attaches_nothing_twice() {
    for size in [10, 4_000_000] {
        let stage = Stage::new();
        let file = stage.file("f.bin", size);
        let first = stage.run(["attach".as_ref(), file.as_os_str()]).code(0);
        let again = stage
            .run(["attach".as_ref(), "--json".as_ref(), file.as_os_str()])
            .code(0);
        assert_eq!(again.json()[0]["id"], first.id());
        assert_eq!(again.json()[0]["already"], true);
        assert_eq!(stage.held().len(), 1);
        // Also when this computer has forgotten about it.
        let _ = std::fs::remove_dir_all(stage.state_dir());
        let forgotten = stage.run(["attach".as_ref(), file.as_os_str()]).code(0);
        assert_eq!(forgotten.id(), first.id());
        assert_eq!(stage.held().len(), 1);
        // Unless a second copy is what is wanted.
        let second = stage
            .run(["attach".as_ref(), "--again".as_ref(), file.as_os_str()])
            .code(0);
        assert_ne!(second.id(), first.id());
        assert_eq!(stage.held().len(), 2);
    }
}

#[test]
fn other_content_under_the_same_name_is_another_attachment() {
    let stage = Stage::new();
    let file = stage.file("f.bin", 4_000_000);
    stage.run(["attach".as_ref(), file.as_os_str()]).code(0);
    std::fs::write(&file, vec![7; 4_000_000]).unwrap();
    stage.run(["attach".as_ref(), file.as_os_str()]).code(0);
    let held = stage.held();
    assert_eq!(held.len(), 2);
    assert_eq!(held[1].sha256, sha256(&file));
}

#[test]
fn verify_reads_it_back() {
    let stage = Stage::new();
    for size in [10, 4_000_000] {
        let file = stage.file(&format!("{size}"), size);
        let run = stage.run([
            "attach".as_ref(),
            "--verify".as_ref(),
            "--json".as_ref(),
            file.as_os_str(),
        ]);
        assert_eq!(run.code(0).json()[0]["verified"], true);
    }
}

#[test]
fn standard_input_is_a_file() {
    let stage = Stage::new();
    for size in [5, 5_000_000] {
        let bytes = vec![size as u8; size];
        let name = format!("{size}.gz");
        let output = stage
            .command(["attach", "--name", &name, "-"])
            .write_stdin(bytes)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let held = stage.held();
        assert_eq!(
            (held.last().unwrap().size, &held.last().unwrap().name),
            (size as u64, &name)
        );
    }
    // Its spool is gone.
    let left: Vec<_> = std::fs::read_dir(stage.state_dir())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "spool")
        })
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn lists_of_files() {
    let stage = Stage::new();
    stage.file("a b.txt", 1);
    stage.file("c\n.txt", 2);
    stage.file("d.txt", 3);
    let output = stage
        .command(["attach", "--files-from", "-", "-0", "d.txt"])
        .write_stdin("a b.txt\0d.txt\0")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let names: Vec<String> = stage.held().into_iter().map(|file| file.name).collect();
    // The second `d.txt` is attached already.
    assert_eq!(names, ["d.txt", "a b.txt"]);
    stage.file("list", 0);
    std::fs::write(stage.home.path().join("list"), "d.txt\r\n\nnone.txt\n").unwrap();
    stage
        .run(["attach", "--files-from", "list"])
        .code(3)
        .says("no such file: `none.txt`");
}
