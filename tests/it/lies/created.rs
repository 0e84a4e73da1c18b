//! A 201 that is none: too early, without a `Location`, with a strange one.

use super::*;

#[test]
fn a_201_that_is_none() {
    let location = |text: &str| format!("Location: {text}\r\n").into_bytes();
    let created = |headers: &[u8]| {
        let mut bytes = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n".to_vec();
        bytes.extend_from_slice(headers);
        bytes.extend_from_slice(b"\r\n");
        bytes
    };
    let mut cases = Vec::new();
    let good = created(&location("https://h/Attachments('AAMkNothing=')"));
    for at in [1, 2] {
        let said = good.clone();
        cases.push(case(
            format!("early, range {at}"),
            &[10],
            move |asked, _| {
                (asked.what == What::Put && asked.nth == at)
                    .then(|| Lie::After(Answer::Raw(said.clone())))
            },
        ));
    }
    let strange: [(&'static str, Vec<u8>); 7] = [
        ("missing", Vec::new()),
        ("empty", location("")),
        ("elsewhere", location("https://evil.example/x")),
        ("traversal", location("https://h/attachments/../../me")),
        (
            "control characters",
            location("https://h/Attachments('%1b[31m')"),
        ),
        ("not text", b"Location: \xff\xfe\r\n".to_vec()),
        (
            "huge",
            location(&format!("https://h/Attachments('{}')", "A".repeat(20_000))),
        ),
    ];
    for (name, headers) in strange {
        let said = created(&headers);
        cases.push(case(format!("Location {name}"), &[0], {
            let said = said.clone();
            move |asked, _| {
                (asked.what == What::Put && asked.range.1 == asked.total)
                    .then(|| Lie::After(Answer::Raw(said.clone())))
            }
        }));
        // A 201, no id, and nothing there: nobody may call this attached.
        cases.push(case(
            format!("Location {name}, nothing attached"),
            &[10],
            move |asked, _| {
                (asked.what == What::Put && asked.range.1 == asked.total)
                    .then(|| Lie::Instead(Answer::Raw(said.clone())))
            },
        ));
    }
    cases.push(
        case(
            "an id that is not there, verified",
            &[6, 7, 10],
            move |asked, _| {
                (asked.what == What::Put && asked.range.1 == asked.total)
                    .then(|| Lie::Instead(Answer::Raw(good.clone())))
            },
        )
        .with(&["--verify"]),
    );
    prove_all("a 201 that is none", cases);
}
