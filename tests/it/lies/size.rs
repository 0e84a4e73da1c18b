//! Too much: endless bodies, headers and content.

use super::*;

#[test]
fn too_much_of_everything() {
    const BLOCK: usize = 1024 * 1024;
    const GIB: usize = 1024;
    let mut cases = Vec::new();
    let pour = |status: &'static str, headers: &'static str, block: &'static [u8]| {
        move || {
            let head = head(status, headers, GIB * BLOCK).into_bytes();
            Answer::Pour(head, block.repeat(BLOCK / block.len()), GIB)
        }
    };
    for what in [What::List, What::Create, What::Put, What::Post, What::Ask] {
        let small = |case: Case| {
            if what == What::Post {
                case.small()
            } else {
                case
            }
        };
        for (name, block) in [
            ("zeros", &b"\0"[..]),
            ("blanks", b" "),
            ("values", b"[0],"),
            ("objects", b"{\"\":0},"),
            ("text", b"\"\\u0000"),
        ] {
            for status in ["200 OK", "503 Busy", "400 Bad"] {
                if status != "200 OK" && name != "objects" {
                    continue;
                }
                let answer = pour(status, "", block);
                cases.push(
                    small(case(
                        format!("{what:?} 1 GiB of {name}, {status}"),
                        &[0, 5, 7, 10],
                        move |asked, _| {
                            match (asked.what, asked.nth) {
                                // Makes it ask.
                                (What::Put, 1) if what == What::Ask => {
                                    Some(Lie::After(Answer::Last(Vec::new())))
                                }
                                _ if asked.what == what => Some(Lie::Instead(answer())),
                                _ => None,
                            }
                        },
                    ))
                    .with(&["--max-retries", "3"]),
                );
            }
        }
        // A list that is one for 8 MiB, of as many values as fit.
        let entries = format!(r#"{{"value":[{}0]}}"#, "{\"\":0},".repeat(1_190_000));
        let said = with_head("200 OK", "", entries.as_bytes());
        cases.push(small(case(
            format!("{what:?} 8 MiB of objects"),
            &[0, 10],
            move |asked, _| (asked.what == what).then(|| Lie::Instead(Answer::Raw(said.clone()))),
        )));
        cases.push(small(case(
            format!("{what:?} endless headers"),
            &[0, 10],
            move |asked, _| {
                (asked.what == what).then(|| {
                    Lie::Instead(Answer::Pour(
                        b"HTTP/1.1 200 OK\r\n".to_vec(),
                        b"X-More: and more\r\n".repeat(1_000),
                        100_000,
                    ))
                })
            },
        )));
        cases.push(small(case(
            format!("{what:?} one endless header"),
            &[0, 10],
            move |asked, _| {
                (asked.what == what).then(|| {
                    Lie::Instead(Answer::Pour(
                        b"HTTP/1.1 200 OK\r\nX: ".to_vec(),
                        vec![b'a'; BLOCK],
                        GIB,
                    ))
                })
            },
        )));
    }
    // The content that is read back never ends.
    let twin = |asked: &Asked| {
        let list = json!({"value": [{"id": "AAMkTwin=", "name": "f", "size": SIZE + 237}]});
        (asked.what == What::List).then(|| Lie::Instead(Answer::Raw(reply(200, &list))))
    };
    cases.push(case(
        "content without an end",
        &[0, 10],
        move |asked, _| match asked.what {
            What::Content => {
                let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
                let mut block = b"100000\r\n".to_vec();
                block.extend(vec![7; 0x10_0000]);
                block.extend(b"\r\n");
                Some(Lie::Instead(Answer::Pour(head, block, 1_000_000)))
            }
            _ if asked.nth == 1 => twin(asked),
            _ => None,
        },
    ));
    cases.push(case(
        "a list of long names without an end",
        &[10],
        move |asked, places| {
            (asked.what == What::List).then(|| {
                let entries =
                    vec![json!({"id": "x".repeat(1_000), "name": "n".repeat(20_000)}); 340];
                let link = format!(
                    "{}/v1.0/me/messages/x/attachments?$skip={}",
                    places.graph, asked.nth
                );
                Lie::Instead(Answer::Raw(reply(
                    200,
                    &json!({"value": entries, "@odata.nextLink": link}),
                )))
            })
        },
    ));
    cases.push(case("pages without an end", &[10], move |asked, places| {
        (asked.what == What::List).then(|| {
            let link = format!(
                "{}/v1.0/me/messages/x/attachments?$skip={}",
                places.graph, asked.nth
            );
            Lie::Instead(Answer::Raw(reply(
                200,
                &json!({"value": [], "@odata.nextLink": link}),
            )))
        })
    }));
    prove_all("too much of everything", cases);
}

#[test]
fn content_that_is_read_back() {
    let mut cases = Vec::new();
    let answers: [(&str, MakeAnswer); 4] = [
        ("gzip", || {
            Answer::Raw(with_head(
                "200 OK",
                "Content-Encoding: gzip\r\n",
                b"\x1f\x8b\x08",
            ))
        }),
        ("other", || Answer::Raw(with_head("200 OK", "", &[1; SIZE]))),
        ("short", || Answer::Raw(with_head("200 OK", "", &[1; 10]))),
        ("long", || {
            Answer::Pour(
                head("200 OK", "", 1 << 30).into_bytes(),
                vec![1; 1 << 20],
                1024,
            )
        }),
    ];
    for (name, answer) in answers {
        cases.push(
            // The service compresses nothing: what came damaged came from in between.
            case(
                format!("verify: {name}"),
                if name == "gzip" { &[5] } else { &[10] },
                move |asked, _| (asked.what == What::Content).then(|| Lie::Instead(answer())),
            )
            .with(&["--verify"]),
        );
    }
    prove_all("content that is read back", cases);
}
