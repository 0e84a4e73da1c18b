//! State files of earlier and later versions.

use std::fs;

use graph_attach::{
    graph::ItemKind,
    session::{LoadError, Record, State},
    upload::Route,
};

use super::{stage, state_dir};
use crate::support::Stage;

#[test]
fn state_files_of_every_schema_are_read_for_ever() {
    let mut count = 0;
    for entry in fs::read_dir("tests/data/state").unwrap() {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        let record = Record::from_json(&bytes).unwrap_or_else(|why| panic!("{path:?}: {why}"));
        assert_eq!(record.id.as_str(), "7Q2KM4XA");
        match path.file_name().unwrap().to_str().unwrap() {
            "v1-unfinished.json" => {
                assert_eq!(record.state, State::Unfinished);
                assert_eq!(record.item.mailbox.as_deref(), Some("room1@contoso.com"));
                assert_eq!(
                    (record.acked.offset, record.sent.offset),
                    (3_932_160, 7_864_320)
                );
                assert_eq!(record.before, ["AAMkAGOld="]);
                assert!(record.url.is_some() && record.sha256.is_some());
                assert!(record.expires.is_some());
            }
            "v1-finished.json" => {
                assert_eq!(record.state, State::Finished);
                assert!(record.url.is_none());
                assert_eq!(record.attachment_id.as_deref(), Some("AAMkAGNew="));
            }
            "v1-spooled.json" => {
                assert!(record.spooled && record.sha256.is_none() && record.expires.is_none());
                assert_eq!(record.item.kind, ItemKind::Event);
            }
            "v1-inline-odd-path.json" => {
                assert!(record.attachment.is_inline);
                assert_eq!(record.attachment.content_id.as_deref(), Some("pic"));
                assert!(record.file.to_str().is_none());
            }
            "v2-post-in-doubt.json" => {
                assert_eq!(record.route, Route::Post);
                assert!(record.in_doubt() && record.url.is_none() && record.sha256.is_some());
                assert_eq!(record.acked.offset, 0);
            }
            "v2-session-in-doubt.json" => {
                assert!(record.in_doubt() && record.url.is_some());
                assert_eq!(record.sent.offset, record.size);
            }
            "v2-not-begun.json" => {
                assert!(!record.listed && !record.in_doubt() && record.url.is_none());
                assert!(record.sha256.is_none());
            }
            "v2-post-finished.json" => {
                assert_eq!((record.state, record.route), (State::Finished, Route::Post));
                assert_eq!(record.attachment_id.as_deref(), Some("AAMkAGNew="));
            }
            other => panic!("what is in `{other}`?"),
        }
        // And the binary shows it.
        let stage = Stage::new();
        fs::copy(&path, state_dir(&stage).join("7Q2KM4XA.json")).unwrap();
        let status = stage.run(["status", "--all", "--json"]).code(0);
        assert_eq!(status.json()[0]["id"], "7Q2KM4XA");
        let is_post_in_doubt = record.in_doubt() && record.route == Route::Post;
        assert_eq!(status.json()[0]["state"] == "in_doubt", is_post_in_doubt);
        count += 1;
    }
    assert_eq!(count, 8);
}

#[test]
fn a_newer_schema_is_left_alone() {
    let stage = stage();
    let path = state_dir(&stage).join("7Q2KM4XA.json");
    let text = fs::read_to_string("tests/data/state/v1-unfinished.json").unwrap();
    let newer = text.replacen("\"schema\": 1", "\"schema\": 3", 1);
    assert_eq!(
        Record::from_json(newer.as_bytes()),
        Err(LoadError::Newer(3))
    );
    fs::write(&path, &newer).unwrap();
    stage.file("f.bin", 10);
    let target = stage.sandbox.message().to_owned();
    for args in [&["attach", "--message", &target, "f.bin"][..], &["resume"]] {
        stage
            .run(args)
            .code(9)
            .says("a newer version of graph-attach");
    }
    assert!(stage.held().is_empty());
    stage
        .run(["status"])
        .code(0)
        .says("a newer version of graph-attach");
    stage.run(["prune"]).code(0);
    assert_eq!(fs::read_to_string(&path).unwrap(), newer);
}
