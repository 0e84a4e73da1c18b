//! `find`, `ls`, `detach`, and ids as people have them.

use crate::support::Stage;

#[test]
fn find_lists_newest_first_page_by_page() {
    let stage = Stage::new();
    for n in 0..55 {
        let subject = format!("Weekly report's {n}");
        stage.run(["draft", "--subject", &subject]).code(0);
    }
    stage.run(["draft", "--subject", "Something else"]).code(0);
    let run = stage.run(["find", "drafts", "--subject", "report's", "--limit", "53"]);
    let run = run.code(0);
    let subjects: Vec<&str> = run
        .stdout
        .lines()
        .map(|line| line.split('\t').nth(2).unwrap())
        .collect();
    assert_eq!(subjects.len(), 53);
    assert_eq!(
        (subjects[0], subjects[52]),
        ("Weekly report's 54", "Weekly report's 2")
    );
    assert!(stage.requests("GET").len() >= 2);
    let first: Vec<&str> = run.stdout.lines().next().unwrap().split('\t').collect();
    assert_eq!(first.len(), 3);
    assert!(first[0].starts_with("AAMk"));
    assert_eq!(
        (first[1].len(), first[1].ends_with('Z')),
        (20, true),
        "{}",
        first[1]
    );
    assert_eq!(
        stage
            .run(["find", "--subject", "Something"])
            .code(0)
            .stdout
            .lines()
            .count(),
        1
    );
    stage
        .run(["find", "--subject", "no such thing"])
        .code(0)
        .says("nothing was found");
}

#[test]
fn find_knows_events_and_other_mailboxes_and_json() {
    let stage = Stage::new();
    let run = stage.run(["find", "events", "--json"]).code(0);
    let event = &run.json()[0];
    assert_eq!(
        (&event["type"], &event["id"]),
        (&"event".into(), &stage.sandbox.event().into())
    );
    assert!(event["date"].as_str().unwrap().ends_with('Z'));
    let run = stage
        .run(["find", "drafts", "--json", "--mailbox", "ann@example.com"])
        .code(0);
    assert!(run.json().iter().all(|line| line["type"] == "message"));
    assert!(
        stage
            .requests("GET")
            .last()
            .unwrap()
            .path
            .contains("/users/ann@example.com/")
    );
}

#[test]
fn find_outlasts_a_bad_minute_and_reports_a_worse_one() {
    let stage = Stage::with_faults(&["get@1=503:0", "get@2=drop"]);
    stage.run(["find"]).code(0).says("trying again");
    let stage = Stage::with_faults(&["get@1x99=500"]);
    stage.run(["find", "--max-retries", "1"]).code(5);
    let stage = Stage::with_faults(&["get@1=403"]);
    stage
        .run(["find", "events"])
        .code(4)
        .says("cannot list what is there");
}

#[test]
fn ls_and_detach() {
    let stage = Stage::new();
    stage.file("a b.txt", 10);
    stage.file("logo.png", 20);
    stage.run(["attach", "a b.txt"]).code(0);
    stage.run(["attach", "--inline", "logo.png"]).code(0);
    let run = stage.run(["ls"]).code(0);
    let held = stage.held();
    let lines: Vec<Vec<&str>> = run
        .stdout
        .lines()
        .map(|line| line.split('\t').collect())
        .collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0].len(), 4);
    assert_eq!(
        (lines[0][0], lines[0][2], lines[0][3]),
        (held[0].id.as_str(), "text/plain", "a b.txt")
    );
    assert!(lines[0][1].parse::<u64>().unwrap() >= 10);
    assert_eq!((lines[1][3], lines[1][4]), ("logo.png", "inline"));
    let run = stage.run(["ls", "--json"]).code(0);
    let line = &run.json()[1];
    assert_eq!(
        (
            &line["type"],
            &line["name"],
            &line["inline"],
            &line["content_type"]
        ),
        (
            &"attachment".into(),
            &"logo.png".into(),
            &true.into(),
            &"image/png".into()
        )
    );
    let id = held[0].id.clone();
    let run = stage.run(["detach", "AAMkNot=", &id, "--json"]).code(3);
    let run = run
        .says("cannot remove attachment `AAMkNot=`")
        .says("graph-attach ls --message");
    let lines = run.json();
    assert_eq!(lines[0]["type"], "failed");
    assert_eq!(lines[0]["error"]["code"], "ErrorItemNotFound");
    assert_eq!(
        lines[1..],
        [serde_json::json!({"type": "detached", "id": id})]
    );
    assert_eq!(stage.held().len(), 1);
    stage.run(["detach", &id]).code(6);
    stage.sandbox.add_faults(["delete@1=lost".parse().unwrap()]);
    stage
        .run(["detach", &held[1].id])
        .code(0)
        .says("is removed");
    assert!(stage.held().is_empty());
    stage.run(["ls"]).code(0).says("nothing is attached");
    stage.run(["detach"]).code(2);
}

#[test]
fn a_link_is_as_good_as_an_id() {
    let stage = Stage::new();
    stage.file("a.txt", 10);
    let id = stage.sandbox.message().to_owned();
    let link = stage.graph(&format!("/me/messages/{id}"))["webLink"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(link.contains("ItemID="));
    stage.run(["attach", "--message", &link, "a.txt"]).code(0);
    assert_eq!(stage.held().len(), 1);
    let read = format!(
        "https://outlook.office.com/mail/deeplink/read/{}",
        id.replace('=', "%3D")
    );
    assert_eq!(
        stage
            .run(["ls", "--message", &read])
            .code(0)
            .stdout
            .lines()
            .count(),
        1
    );
}

#[test]
fn exchange_s_ids_are_mapped_once_the_first_form_is_not_found() {
    let stage = Stage::new();
    stage.file("a.txt", 10);
    // A mailbox whose ids have both letters.
    let id = loop {
        let id = stage
            .run(["draft", "--subject", "x"])
            .code(0)
            .id()
            .to_owned();
        if id.contains(['-', '_']) {
            break id;
        }
        assert!(stage.sandbox.items().len() < 400, "no id with `-` or `_`");
    };
    let exchange = id.replace('-', "/").replace('_', "+");
    stage
        .run(["attach", "--message", &exchange, "a.txt"])
        .code(0);
    assert_eq!(stage.held_by(&id).len(), 1);
    let absent = format!("AAMk/{}", &id[5..]);
    stage.run(["ls", "--message", &absent]).code(6);
}

#[test]
fn the_id_of_a_conversation_leads_to_its_only_message() {
    let stage = Stage::new();
    let id = stage.sandbox.message().to_owned();
    let message = stage.graph(&format!("/me/messages/{id}"));
    let conversation = message["conversationId"].as_str().unwrap().to_owned();
    assert!(conversation.starts_with("AAQk"), "{conversation}");
    stage.file("a.txt", 10);
    let link = format!(
        "https://outlook.office.com/mail/inbox/id/{}",
        conversation.replace('=', "%3D")
    );
    stage.run(["attach", "--message", &link, "a.txt"]).code(0);
    assert_eq!(stage.held().len(), 1);
    stage
        .run(["ls", "--message", "AAQkADI5MAAIT3drCAAAAAAAA="])
        .code(6)
        .says("conversation");
}

#[test]
fn an_id_in_the_place_of_a_file_is_recognised() {
    let stage = Stage::new();
    stage.file("a b.txt", 10);
    let id = stage.sandbox.message().to_owned();
    let run = stage.run(["attach", &id, "a b.txt"]).code(2);
    run.says("looks like the id")
        .says(&format!("graph-attach attach --message {id} 'a b.txt'"));
    stage
        .run([
            "attach",
            "https://outlook.office365.com/owa/?ItemID=AAMkADI5MAAIT3drCAAA%3D",
            "a b.txt",
        ])
        .code(2)
        .says("looks like the id of a message");
    assert!(stage.sandbox.requests().is_empty());
}
