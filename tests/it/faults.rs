//! Single faults: what is retried, how long, what is said, and how it ends.

use std::{fs, time::Instant};

use graph_sandbox::{
    Options,
    options::{
        Casing, LocationForm, Ranges, RepeatLast, Service, StatusAnswer, UrlForm, WrongRange,
    },
};

use crate::support::{Run, Stage, sha256};

const SIZE: usize = 10_000_000;

/// Attaches one file, asserts that it is attached once and whole, and returns what was said.
#[track_caller]
fn survives(stage: &Stage, size: usize) -> Run {
    let file = stage.file("f.bin", size);
    let run = stage
        .run(["attach".as_ref(), "-v".as_ref(), file.as_os_str()])
        .code(0);
    let held = stage.held();
    assert_eq!(held.len(), 1, "{run:#?}");
    assert_eq!(held[0].sha256, sha256(&file));
    assert_eq!(run.id(), held[0].id);
    run
}

#[test]
fn every_single_fault_is_survived_on_both_routes() {
    let whats = [
        "503:0",
        "500",
        "429:0",
        "408",
        "drop",
        "lost",
        "reset:0",
        "reset:700000",
        "html",
    ];
    std::thread::scope(|scope| {
        for place in ["create@1", "put@1", "put@2", "put@3", "post@1", "list@1"] {
            for what in whats {
                scope.spawn(move || {
                    let size = if place.starts_with("post") {
                        1_000_000
                    } else {
                        SIZE
                    };
                    survives(&Stage::with_faults(&[&format!("{place}={what}")]), size);
                });
            }
        }
    });
}

#[test]
fn a_lost_last_answer_is_recognised_whatever_the_service_supports() {
    std::thread::scope(|scope| {
        for status in [
            StatusAnswer::Known,
            StatusAnswer::NotFound,
            StatusAnswer::NotAllowed,
        ] {
            for repeat_last in [RepeatLast::Refuse, RepeatLast::Attach] {
                scope.spawn(move || {
                    let faults = vec!["put@3=lost".parse().unwrap()];
                    let stage = Stage::with(Options {
                        status,
                        repeat_last,
                        faults,
                        ..Options::default()
                    });
                    survives(&stage, SIZE);
                    assert_eq!(stage.requests("PUT").len(), 3);
                });
            }
        }
        scope.spawn(|| {
            let stage = Stage::with_faults(&["post@1=lost"]);
            survives(&stage, 1_000);
            assert_eq!(stage.requests("POST").len(), 1);
        });
    });
}

#[test]
fn an_attachment_of_the_same_name_that_cannot_be_read_is_not_assumed_to_be_another() {
    for (status, code) in [("404", 0), ("403", 4), ("410", 0), ("405", 0)] {
        for size in [10, 4_000_000] {
            let stage = Stage::new();
            stage.file("f.bin", size);
            stage.run(["attach", "f.bin"]).code(0);
            fs::remove_dir_all(stage.state_dir()).unwrap();
            let fault = format!("get@1x2={status}").parse().unwrap();
            stage.sandbox.add_faults([fault]);
            stage.run(["attach", "f.bin"]).code(code);
            assert_eq!(stage.held().len(), 1, "{status}");
        }
    }
}

#[test]
fn a_lost_middle_answer_is_asked_about() {
    let stage = Stage::with_faults(&["put@2=lost"]);
    survives(&stage, SIZE);
    // The service holds the range: it is not sent again.
    assert_eq!(stage.requests("PUT").len(), 3);
    // It cannot be asked: the range is sent again, refused, and the session replaced.
    for wrong_range in [
        WrongRange::NotSatisfiable,
        WrongRange::BadRequest,
        WrongRange::Conflict,
    ] {
        let stage = Stage::with(Options {
            status: StatusAnswer::NotAllowed,
            wrong_range,
            faults: vec!["put@2=lost".parse().unwrap()],
            ..Options::default()
        });
        survives(&stage, SIZE);
    }
}

#[test]
fn every_form_that_the_service_has_been_seen_to_use() {
    std::thread::scope(|scope| {
        let mut all = Vec::new();
        for casing in [Casing::Camel, Casing::Pascal, Casing::Doc] {
            all.push(Options {
                casing: Some(casing),
                ..Options::default()
            });
        }
        for ranges in [
            Ranges::Start,
            Ranges::Open,
            Ranges::Closed,
            Ranges::Empty,
            Ranges::Missing,
        ] {
            all.push(Options {
                ranges,
                ..Options::default()
            });
        }
        for location in [
            LocationForm::Quoted,
            LocationForm::Path,
            LocationForm::Missing,
        ] {
            all.push(Options {
                location,
                ..Options::default()
            });
        }
        for upload_url in [UrlForm::Gv1, UrlForm::V2, UrlForm::Office365] {
            all.push(Options {
                upload_url,
                ..Options::default()
            });
        }
        for options in all {
            scope.spawn(|| survives(&Stage::with(options), SIZE));
        }
    });
}

#[test]
fn each_route_falls_back_to_the_other() {
    // The service's floor for sessions is higher than documented: POST.
    let stage = Stage::with(Options {
        session_min: 3_100_000,
        ..Options::default()
    });
    survives(&stage, 3_050_000);
    assert_eq!(stage.requests("PUT").len(), 0);
    // And its ceiling for POST lower: session.
    let stage = Stage::with(Options {
        body_limit: 1_000_000,
        session_min: 1,
        ..Options::default()
    });
    survives(&stage, 2_000_000);
    assert_eq!(stage.requests("PUT").len(), 1);
    // Neither takes it.
    let stage = Stage::with(Options {
        body_limit: 1_000_000,
        ..Options::default()
    });
    let file = stage.file("f", 2_000_000);
    stage
        .run(["attach".as_ref(), file.as_os_str()])
        .code(7)
        .says("neither route");
    let stage = Stage::with(Options {
        session_min: 9_000_000,
        ..Options::default()
    });
    let file = stage.file("f", 8_000_000);
    stage.run(["attach".as_ref(), file.as_os_str()]).code(7);
}

#[test]
fn a_draft_that_is_not_everywhere_yet() {
    let stage = Stage::with_faults(&["create@1=404", "put@1=404"]);
    let run = survives(&stage, SIZE);
    run.says("the item is not there yet");
}

#[test]
fn spent_retries_are_exit_5_and_name_the_next_command() {
    let stage = Stage::with_faults(&["put@2x50=503:0"]);
    let file = stage.file("f.bin", SIZE);
    let run = stage
        .run([
            "attach".as_ref(),
            "--max-retries=2".as_ref(),
            file.as_os_str(),
        ])
        .code(5);
    let id = stage.session();
    let run = run
        .says(&format!("hint: graph-attach resume {id}"))
        .says("503")
        .says("request-id");
    assert!(run.stdout.is_empty());
    assert_eq!(stage.requests("PUT").len(), 4);
    stage.sandbox.clear_faults();
    stage.run(["resume", &id]).code(0);
    assert_eq!(stage.held().len(), 1);
}

#[test]
fn a_stalled_request_is_given_up() {
    let stage = Stage::with_faults(&["put@2=stall:60"]);
    let file = stage.file("f.bin", SIZE);
    let started = Instant::now();
    stage
        .run([
            "attach".as_ref(),
            "--timeout=1".as_ref(),
            "-v".as_ref(),
            file.as_os_str(),
        ])
        .code(0)
        .says("no byte moved");
    assert!(started.elapsed().as_secs() < 40);
    assert_eq!(stage.held().len(), 1);
}

#[test]
fn the_deadline_ends_a_wait_and_a_request() {
    for fault in ["put@2x9=429:300", "put@2=stall:60"] {
        let stage = Stage::with_faults(&[fault]);
        let file = stage.file("f.bin", SIZE);
        let started = Instant::now();
        let run = stage
            .run(["attach".as_ref(), "--deadline=2".as_ref(), file.as_os_str()])
            .code(5);
        run.says("time limit").says("graph-attach resume");
        assert!(started.elapsed().as_secs() < 30);
    }
}

#[test]
fn a_wait_is_told_with_its_reason() {
    let stage = Stage::with_faults(&["put@2=429:1"]);
    let run = survives(&stage, SIZE);
    run.says("throttling");
}

#[test]
fn sessions_that_all_die_end_in_a_message() {
    let stage = Stage::with(Options {
        audience_incident: true,
        ..Options::default()
    });
    let file = stage.file("f.bin", SIZE);
    let run = stage.run(["attach".as_ref(), file.as_os_str()]).code(5);
    run.says("service's fault")
        .says("InvalidAudienceForResource")
        .says("graph-attach resume");
    // Three sessions, each tried twice.
    assert!(stage.requests("PUT").len() <= 6);
    assert!(stage.held().is_empty());
}

#[test]
fn known_refusals() {
    let stage = Stage::new();
    let file = stage.file("f.txt", 10);
    let large = stage.file("f.bin", SIZE);
    let attach = |path: &std::path::Path, extra: &[&str]| {
        let args = [&["attach"], extra].concat();
        stage.run(
            args.iter()
                .map(|arg| arg.as_ref())
                .chain([path.as_os_str()]),
        )
    };
    let fault = |spec: &str| {
        stage.sandbox.clear_faults();
        stage.sandbox.add_faults([spec.parse().unwrap()]);
    };
    fault("list@1x9=401");
    attach(&file, &[]).code(4).says("does not take the token");
    fault("post@1=403");
    attach(&file, &[])
        .code(4)
        .says("the token has the permission")
        .says("ErrorAccessDenied");
    fault("create@1=403");
    attach(&large, &["--mailbox", "sandbox@example.com"])
        .code(4)
        .says("shared or delegated");
    fault("create@1=403");
    attach(&large, &["--event", stage.sandbox.event()])
        .code(4)
        .says("Calendars.ReadWrite");
    stage.sandbox.clear_faults();
    attach(&file, &["--message", "AAMkNoSuch=", "--max-retries=0"]).code(6);
    assert!(stage.held().is_empty());
}

#[test]
fn no_token_is_told_before_anything_is_sent() {
    let stage = Stage::new();
    let file = stage.file("f.txt", 10);
    let output = stage
        .command(["attach".as_ref(), file.as_os_str()])
        .env_remove("GRAPH_ATTACH_TOKEN")
        .output()
        .unwrap();
    Run::of(output)
        .code(4)
        .says("hint: ")
        .says("GRAPH_ATTACH_TOKEN");
    assert!(stage.sandbox.requests().is_empty());
}

#[test]
fn no_server_is_exit_5() {
    let stage = Stage::new();
    let file = stage.file("f.txt", 10);
    let args = [
        "attach",
        "--endpoint",
        "http://127.0.0.1:9/v1.0",
        "--max-retries",
        "1",
    ];
    let run = stage
        .run(
            args.iter()
                .map(|arg| arg.as_ref())
                .chain([file.as_os_str()]),
        )
        .code(5);
    run.says("cannot connect to `127.0.0.1`");
}

#[test]
fn a_cloud_without_sessions_takes_small_files_and_says_so_of_large_ones() {
    let options = Options {
        service: Service::UsGov,
        ..Options::default()
    };
    let stage = Stage::with(options);
    for size in [10, 3_050_000] {
        stage.file(&format!("{size}"), size);
        stage.run(["attach", &format!("{size}")]).code(0);
    }
    stage.file("large", SIZE);
    let run = stage
        .run(["attach", "--cloud", "gcc-high", "large"])
        .code(7);
    run.says("warning: upload sessions are not documented for the cloud `gcc-high`")
        .says("this cloud has no upload sessions")
        .says("under 3 MB");
    assert_eq!(stage.held().len(), 2);
}
