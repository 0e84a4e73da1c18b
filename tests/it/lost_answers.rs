//! The answers that matter most: to the last range and to the POST, lost after they took effect, two
//! hundred times in every variation; and many processes that want the same item.

use std::{process::Stdio, thread};

use graph_sandbox::{
    Options,
    options::{LocationForm, RepeatLast, ReportedSize, StatusAnswer, WrongRange},
};

use crate::support::{Run, Stage, figure, sha256};

/// Of each of the two.
const TIMES: usize = 100;

/// Uploads at a time: they mostly wait.
const AT_ONCE: usize = 20;

/// How the answer to request number `nth` of `place` is lost, and what goes wrong besides.
fn faults(place: &str, nth: usize, variation: usize) -> Vec<String> {
    let lost = format!("{place}@{nth}=lost");
    match variation % 5 {
        0 => vec![lost],
        // It would come, but nobody waits that long.
        1 => vec![format!("{place}@{nth}=stall:30")],
        // The first look fails, or its answer is a page of HTML.
        2 => vec![lost, "list@2=503:0".to_owned()],
        3 => vec![lost, "list@2=html".to_owned()],
        // What is found cannot be read at first.
        _ => vec![lost, "get@1=lost".to_owned()],
    }
}

/// Attaches with these habits and faults; there must be one attachment, whole, under the id that is
/// printed, and nothing to resume.
fn attached_once(number: usize, size: usize, options: Options) {
    let stage = Stage::with(options);
    let file = stage.file("f.bin", size);
    let (flag, id) = match number % 2 {
        0 => ("--message", stage.sandbox.message()),
        _ => ("--event", stage.sandbox.event()),
    };
    let run = stage
        .run([
            "attach",
            flag,
            id,
            "--timeout=1",
            "--chunk-size=1600000",
            "f.bin",
        ])
        .code(0);
    let held = stage.held_by(id);
    assert_eq!(held.len(), 1, "{number}: {run:#?}");
    assert_eq!(held[0].sha256, sha256(&file), "{number}");
    assert_eq!(held[0].id, run.id(), "{number}");
    stage.run(["resume"]).code(0).says("no upload to resume");
}

fn each(times: usize, work: impl Fn(usize) + Sync) {
    let next = std::sync::atomic::AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    if number >= times {
                        break;
                    }
                    work(number);
                }
            });
        }
    });
}

#[test]
fn the_answer_to_the_last_range_is_lost() {
    each(TIMES, |number| {
        let mut rest = number;
        let mut pick = |of: usize| {
            let picked = rest % of;
            rest /= of;
            picked
        };
        let status = [
            StatusAnswer::Known,
            StatusAnswer::NotFound,
            StatusAnswer::NotAllowed,
            StatusAnswer::Unauthorized,
        ][pick(4)];
        let repeat_last = [RepeatLast::Attach, RepeatLast::Refuse][pick(2)];
        let faults = faults("put", 2, pick(5));
        let location = [
            LocationForm::Quoted,
            LocationForm::Missing,
            LocationForm::Path,
        ][pick(3)];
        let options = Options {
            status,
            repeat_last,
            location,
            wrong_range: [
                WrongRange::NotSatisfiable,
                WrongRange::Conflict,
                WrongRange::BadRequest,
            ][number % 3],
            reported_size: [ReportedSize::Inflated, ReportedSize::Exact][number % 2],
            faults: faults.iter().map(|fault| fault.parse().unwrap()).collect(),
            ..Options::default()
        };
        attached_once(number, 3_000_001, options);
    });
    figure(
        "answer to the last range lost: one attachment, exit 0",
        TIMES,
        TIMES,
        "",
    );
}

#[test]
fn the_answer_to_the_post_is_lost() {
    each(TIMES, |number| {
        let options = Options {
            reported_size: [ReportedSize::Inflated, ReportedSize::Exact][number / 5 % 2],
            faults: faults("post", 1, number)
                .iter()
                .map(|fault| fault.parse().unwrap())
                .collect(),
            ..Options::default()
        };
        // From nothing to the largest that one POST carries.
        let size = 2_999_999 * number * number / (TIMES - 1) / (TIMES - 1);
        attached_once(number, size, options);
    });
    figure(
        "answer to the POST lost: one attachment, exit 0",
        TIMES,
        TIMES,
        "",
    );
}

/// Starts `attach --wait` for all of these at once, and waits for them.
fn together(stage: &Stage, files: &[String]) -> Vec<Run> {
    let children: Vec<_> = files
        .iter()
        .map(|file| {
            stage
                .process(["attach", "--wait=100", file])
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    children
        .into_iter()
        .map(|child| Run::of(child.wait_with_output().unwrap()).code(0))
        .collect()
}

#[test]
fn twenty_processes_with_one_file_attach_it_once() {
    for size in [1_000, 4_000_000] {
        let stage = Stage::new();
        let file = stage.file("f.bin", size);
        let runs = together(&stage, &vec!["f.bin".to_owned(); 20]);
        let held = stage.held();
        assert_eq!(held.len(), 1);
        assert_eq!(held[0].sha256, sha256(&file));
        assert!(runs.iter().all(|run| run.id() == held[0].id));
    }
    let details = "by one POST, and through a session; each prints the same id";
    figure(
        "twenty processes, one file, one item: attachments",
        1,
        1,
        details,
    );
}

#[test]
fn twenty_processes_with_a_file_each_attach_twenty() {
    let stage = Stage::new();
    let files: Vec<String> = (0..20).map(|number| format!("{number}.bin")).collect();
    for (number, file) in files.iter().enumerate() {
        stage.file(file, 1_000 + number * 200_000);
    }
    let runs = together(&stage, &files);
    let held = stage.held();
    assert_eq!(held.len(), 20);
    for (file, run) in files.iter().zip(&runs) {
        let one = held.iter().find(|held| held.name == *file).unwrap();
        assert_eq!(one.id, run.id());
        assert_eq!(one.sha256, sha256(&stage.home.path().join(file)));
    }
    figure(
        "twenty processes, a file each, one item: attachments",
        20,
        20,
        "",
    );
}
