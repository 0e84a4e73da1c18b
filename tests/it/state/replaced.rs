//! A session that is replaced must not come back: what may be alive at the service does not stay on
//! disk beside the one that takes its place.

use std::{fs, os::unix::fs::PermissionsExt, process::Stdio};

use graph_attach::session::Record;

use super::{ATTACH, as_nobody, one_warning, run, stage, until};
use crate::support::{Run, Stage, not_tried};

/// The second range is answered 404, and so is whoever asks about it: the session has to be replaced.
const DIES: [&str; 2] = ["put@1=404", "status@1=404"];
/// It cannot be ended at the service.
const LIVES_ON: &str = "delete@1x9=500";

fn faults(stage: &Stage, faults: &[&str]) {
    stage.sandbox.clear_faults();
    stage
        .sandbox
        .add_faults(faults.iter().map(|fault| fault.parse().unwrap()));
}

/// A stage on which one of three ranges was taken.
fn begun() -> Stage {
    let stage = stage();
    faults(&stage, &["put@2=503"]);
    stage
}

fn mode(stage: &Stage, mode: u32) {
    fs::set_permissions(stage.state_dir(), fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn not_beside_one_that_stays_on_disk() {
    let stage = begun();
    let stop: Vec<&str> = ATTACH.into_iter().chain(["--max-retries", "0"]).collect();
    let Some(command) = as_nobody(&stage, 65_534, "", &stop) else {
        return not_tried("a session that stays on disk: no way not to be root");
    };
    run(command).code(5);
    let session = stage.session();
    mode(&stage, 0o500);
    let resume = ["resume", "--quiet"];
    faults(&stage, &[DIES[0], DIES[1], LIVES_ON]);
    run(as_nobody(&stage, 65_534, "", &resume).unwrap())
        .code(9)
        .says("neither be cancelled at the service nor taken out of the state directory")
        .says(&format!("graph-attach resume {session}"));
    let fresh: Vec<&str> = ATTACH.into_iter().chain(["--fresh"]).collect();
    faults(&stage, &[LIVES_ON]);
    run(as_nobody(&stage, 65_534, "", &fresh).unwrap())
        .code(9)
        .says("neither be cancelled at the service nor taken out of the state directory");
    assert!(stage.held().is_empty());
    assert_eq!(stage.requests("POST").len(), 1, "no second session");
    // One that is over at the service may stay on disk: it does no harm.
    faults(&stage, &DIES);
    one_warning(&stage, run(as_nobody(&stage, 65_534, "", &resume).unwrap()));
    mode(&stage, 0o700);
    stage.sandbox.clear_faults();
    run(as_nobody(&stage, 65_534, "", &resume).unwrap()).code(0);
    assert_eq!(stage.held().len(), 1);
}

#[test]
fn killed_between_two_sessions_it_resumes() {
    let stage = stage();
    faults(
        &stage,
        &["put@2=404", "status@1=404", LIVES_ON, "create@2=stall:60"],
    );
    let mut child = stage
        .process(ATTACH)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let creations = || stage.requests("POST").len();
    until(|| creations() == 2);
    let record = Record::from_json(&fs::read(stage.session_file()).unwrap()).unwrap();
    assert!(record.url.is_none(), "the session that was given up");
    child.kill().unwrap();
    child.wait().unwrap();
    stage.sandbox.clear_faults();
    let status = stage.run(["status", "--json"]).code(0);
    assert_eq!(status.json()[0]["state"], "resumable");
    let resumed = stage.run(["resume", "--json"]).code(0);
    assert_eq!(resumed.json()[0]["session"], record.id.as_str());
    assert_eq!(stage.held().len(), 1);
    stage.run(ATTACH).code(0);
    assert_eq!(stage.held().len(), 1);
}

#[test]
fn what_was_attached_from_elsewhere_meanwhile_is_found() {
    let stage = begun();
    stage
        .run(ATTACH.into_iter().chain(["--max-retries", "0"]))
        .code(5);
    stage.sandbox.clear_faults();
    // Another computer, or a state directory that could not be read.
    let elsewhere = ATTACH.into_iter().chain(["--state-dir", "elsewhere"]);
    stage.run(elsewhere).code(0);
    let (puts, held) = (stage.requests("PUT").len(), stage.held());
    assert_eq!(held.len(), 1);
    let resumed = stage.run(["resume", "--json"]).code(0);
    assert_eq!(resumed.json()[0]["id"], held[0].id.as_str());
    assert_eq!(resumed.json()[0]["already"], true);
    assert_eq!(stage.requests("PUT").len(), puts);
    assert_eq!(
        stage.requests("DELETE").len(),
        1,
        "the session is not left to itself"
    );
    assert_eq!(stage.held().len(), 1);
    let status = stage.run(["status", "--json"]).code(0);
    assert!(
        status
            .json()
            .iter()
            .all(|line| line["state"] != "resumable")
    );
}

#[test]
fn a_live_session_needs_no_token() {
    for token in [None, Some("wrong")] {
        let stage = begun();
        stage
            .run(ATTACH.into_iter().chain(["--max-retries", "0"]))
            .code(5);
        stage.sandbox.clear_faults();
        let mut command = stage.command(["resume"]);
        match token {
            None => command.env_remove("GRAPH_ATTACH_TOKEN"),
            Some(token) => command.env("GRAPH_ATTACH_TOKEN", token),
        };
        let puts = stage.requests("PUT").len();
        let run = Run::of(command.output().unwrap());
        if token.is_some() {
            // A credential is there, and refused: nobody could look, and that is not as it should be.
            run.code(4);
            assert_eq!(stage.requests("PUT").len(), puts);
            continue;
        }
        run.code(0).says("without a token nobody looks");
        assert_eq!(stage.held().len(), 1);
        assert_eq!(stage.requests("PUT").len(), 4, "nothing is sent twice");
    }
}
