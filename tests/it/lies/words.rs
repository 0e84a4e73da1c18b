//! Words that are none: empty, HTML, cut short, of the wrong kind.

use super::*;

#[test]
fn words_that_are_none() {
    let mut cases = Vec::new();
    let html = with_head(
        "200 OK",
        "Content-Type: text/html\r\n",
        b"<html>Sign in</html>",
    );
    let cut = with_head("200 OK", "", br#"{"nextExpectedRanges":["10485"#);
    let bodies: [(&'static str, Vec<u8>); 8] = [
        ("empty", with_head("200 OK", "", b"")),
        ("HTML", html),
        ("cut short", cut),
        (
            "no UTF-8",
            with_head("200 OK", "", b"{\"nextExpectedRanges\":[\"\xff\xfe\"]}"),
        ),
        ("a number", with_head("200 OK", "", b"7")),
        ("no content", with_head("204 No Content", "", b"")),
        (
            "gzip",
            with_head(
                "200 OK",
                "Content-Encoding: gzip\r\n",
                b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xab\xae\x05\0\x43\xbf\xa6\xa3\x02\0\0\0",
            ),
        ),
        ("not HTTP", b"SSH-2.0-OpenSSH_9.6\r\n\r\n".to_vec()),
    ];
    for (name, said) in bodies {
        for what in [What::List, What::Create, What::Put, What::Post] {
            let small = |case: Case| {
                if what == What::Post {
                    case.small()
                } else {
                    case
                }
            };
            for applied in [true, false] {
                let lie = move |said: &Vec<u8>| {
                    // A broken connection may be closed at once; any other stays.
                    let answer = if name == "not HTTP" {
                        Answer::Last(said.clone())
                    } else {
                        Answer::Raw(said.clone())
                    };
                    if applied {
                        Lie::After(answer)
                    } else {
                        Lie::Instead(answer)
                    }
                };
                let how = if applied { "done" } else { "undone" };
                let once = said.clone();
                cases.push(small(case(
                    format!("{what:?} once {name}, {how}"),
                    &[0],
                    move |asked, _| (asked.what == what && asked.nth == 1).then(|| lie(&once)),
                )));
                let always = said.clone();
                cases.push(small(case(
                    format!("{what:?} always {name}, {how}"),
                    // A page is no word of the service.
                    &[0, 5, 10],
                    move |asked, _| (asked.what == what).then(|| lie(&always)),
                )));
            }
        }
        // About the last range only.
        cases.push(case(format!("last range {name}"), &[0], move |asked, _| {
            (asked.what == What::Put && asked.range.1 == asked.total)
                .then(|| Lie::After(Answer::Raw(said.clone())))
        }));
    }
    cases.push(case("202 instead of 200", &[0], |asked, _| {
        match asked.what {
            What::Put if asked.range.1 < asked.total => after(reply(
                202,
                &json!({"nextExpectedRanges": [asked.range.1.to_string()]}),
            )),
            _ => None,
        }
    }));
    cases.push(
        case("a body that ends early", &[5, 10], |asked, _| {
            (asked.what == What::Put).then(|| {
                Lie::Instead(Answer::Last(
                    with_head("200 OK", "", b"{").replace_length(500),
                ))
            })
        })
        .with(&["--max-retries", "4"]),
    );
    prove_all("words that are none", cases);
}

/// Changes what a whole answer says about its length.
trait ReplaceLength {
    fn replace_length(self, length: usize) -> Self;
}

impl ReplaceLength for Vec<u8> {
    fn replace_length(self, length: usize) -> Self {
        let text = String::from_utf8(self).unwrap();
        text.replacen("Content-Length: 1", &format!("Content-Length: {length}"), 1)
            .into_bytes()
    }
}
