//! A service that lies: every lie ends soon, in little memory, and never in a success that is none.

use std::{
    fs,
    process::Command,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use serde_json::json;

use crate::support::{
    BINARY, Watched, content, figure,
    liar::{
        Answer, Asked, Decoy, Liar, Lie, Places, SECRET, Script, TOKEN, What, head, reply,
        with_head,
    },
    watch,
};

/// What a lie may end in.
const MINUTE: Duration = Duration::from_secs(60);
/// And what it may cost.
const MOST_MEMORY: u64 = 64 * 1024;

/// Three ranges of `RANGE`.
const SIZE: usize = 3_000_000;
const RANGE: usize = 1024 * 1024;

/// A lie, and how it must end.
struct Case {
    name: String,
    /// Exit codes that will do; 0 only ever with the file attached once.
    codes: &'static [i32],
    size: usize,
    args: Vec<&'static str>,
    script: Script,
}

fn case(
    name: impl Into<String>,
    codes: &'static [i32],
    script: impl Fn(&Asked, &Places) -> Option<Lie> + Send + Sync + 'static,
) -> Case {
    Case {
        name: name.into(),
        codes,
        size: SIZE,
        args: Vec::new(),
        script: Box::new(script),
    }
}

impl Case {
    /// With a small file, which goes in one POST.
    fn small(mut self) -> Self {
        self.size = 1_000;
        self
    }

    fn with(mut self, args: &[&'static str]) -> Self {
        self.args.extend(args);
        self
    }
}

/// Makes an answer, which cannot be copied.
type MakeAnswer = fn() -> Answer;

/// The honest effect, and these words.
fn after(bytes: Vec<u8>) -> Option<Lie> {
    Some(Lie::After(Answer::Raw(bytes)))
}

/// No effect, and these words.
fn instead(bytes: Vec<u8>) -> Option<Lie> {
    Some(Lie::Instead(Answer::Raw(bytes)))
}

/// The service names this as the next range.
fn next(ranges: &serde_json::Value) -> Vec<u8> {
    reply(200, &json!({"nextExpectedRanges": ranges}))
}

/// The command line of a case against its liar, in a home of its own.
fn command(home: &std::path::Path, places: &Places, args: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    command
        .args(args)
        .env_clear()
        .env("HOME", home)
        .env("GRAPH_ATTACH_ENDPOINT", format!("{}/v1.0", places.graph))
        .env("GRAPH_ATTACH_TOKEN", TOKEN)
        .env("GRAPH_ATTACH_MESSAGE", "AAMkItem=")
        .current_dir(home);
    command
}

/// Whatever was said, it was no secret.
#[track_caller]
fn keeps_secrets(watched: &Watched, name: &str) {
    let said = format!("{}{}", watched.run.stdout, watched.run.stderr);
    for secret in [SECRET, TOKEN] {
        assert!(!said.contains(secret), "{name}: {said}");
    }
}

/// Everything that must hold of one case; what does not is told.
fn prove(case: Case) -> Result<Watched, String> {
    let home = tempfile::tempdir().unwrap();
    let whole = content(&case.name, case.size);
    fs::write(home.path().join("f"), &whole).unwrap();
    let liar = Liar::new(case.script);
    let mut args = vec!["attach", "--chunk-size", "1MiB", "f"];
    args.extend(&case.args);
    let watched = watch(&mut command(home.path(), &liar.places, &args), MINUTE);
    keeps_secrets(&watched, &case.name);
    let name = &case.name;
    let code = watched.run.code.unwrap_or(-1);
    let peak = watched.peak.unwrap_or(0);
    let told = format!(
        "{name}: exit {code} after {:.1} s, {} KiB",
        watched.time.as_secs_f64(),
        peak
    );
    let complain = |what: &str| Err(format!("{told}: {what}: {:#?}", watched.run));
    if watched.late {
        return complain("it does not end");
    }
    if !case.codes.contains(&code) {
        return complain(&format!("expected one of {:?}", case.codes));
    }
    if peak > MOST_MEMORY {
        return complain("too much memory");
    }
    if liar.seen().iter().any(|asked| asked.what == What::Stray) {
        return complain("a request that leads nowhere");
    }
    let upload = [What::Put, What::Ask, What::Delete];
    if let Some(asked) = liar
        .seen()
        .iter()
        .find(|asked| asked.bearer == upload.contains(&asked.what))
    {
        return complain(&format!("bearer: {} on {asked:?}", asked.bearer));
    }
    let held = liar.held();
    let right = held.iter().filter(|held| held.content == whole).count();
    match code {
        0 if right != 1 || held.len() != 1 => complain(&format!("{} attachments", held.len())),
        0 if watched.run.stdout.trim_end() != held[0].id => complain("another id"),
        1.. if !watched.run.stdout.is_empty() => complain("an id and a failure"),
        1.. if !watched.run.stderr.contains("error: ") => complain("no word about it"),
        _ => Ok(watched),
    }
}

/// Proves all cases, many at a time: most of the time they wait.
fn prove_all(what: &str, cases: Vec<Case>) {
    let cases: Vec<Mutex<Option<Case>>> = cases.into_iter().map(|c| Mutex::new(Some(c))).collect();
    let (turn, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let worst = Mutex::new((Duration::ZERO, 0));
    thread::scope(|scope| {
        for _ in 0..32 {
            scope.spawn(|| {
                while let Some(case) = cases.get(turn.fetch_add(1, Ordering::Relaxed)) {
                    let case = case.lock().unwrap().take().unwrap();
                    match prove(case) {
                        Ok(watched) => {
                            let mut worst = worst.lock().unwrap();
                            worst.0 = worst.0.max(watched.time);
                            worst.1 = worst.1.max(watched.peak.unwrap_or(0));
                        }
                        Err(told) => wrong.lock().unwrap().push(told),
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(
        wrong.is_empty(),
        "{} cases:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    let (time, peak) = worst.into_inner().unwrap();
    // One process may be over before it is looked at, but not all of them.
    assert!(
        peak > 0 || !cfg!(target_os = "linux"),
        "no memory was measured"
    );
    let details = format!(
        "the longest took {:.1} s, the largest {:.1} MiB of memory",
        time.as_secs_f64(),
        peak as f64 / 1024.0
    );
    figure(&format!("lies: {what}"), cases.len(), cases.len(), &details);
}

#[test]
fn offsets() {
    let mut cases = Vec::new();
    let first = RANGE.to_string();
    let lies = [
        ("ahead", json!([(2 * RANGE).to_string()])),
        ("far ahead", json!(["99999999999"])),
        ("all of it", json!([SIZE.to_string()])),
        ("behind", json!(["0"])),
        ("in the middle of what was sent", json!(["1000"])),
        ("negative", json!(["-5"])),
        ("a negative number", json!([-5])),
        ("no number", json!(["next"])),
        ("an object", json!({"from": 5})),
        ("beyond any file", json!(["18446744073709551616"])),
        ("two ranges", json!([format!("{first}-"), "2097152-"])),
        (
            "two ranges, backwards",
            json!(["2097152-", format!("{first}-")]),
        ),
        ("an end before the start", json!(["2097152-1"])),
        ("nothing", json!([])),
        ("null", json!(null)),
    ];
    for (name, ranges) in lies {
        let said = next(&ranges);
        // Whatever is said of the first range, every later word is true: what matters is what is held.
        cases.push(case(format!("once {name}"), &[0, 10], {
            let said = said.clone();
            move |asked, _| match (asked.what, asked.nth) {
                (What::Put, 1) => after(said.clone()),
                _ => None,
            }
        }));
        cases.push(case(format!("always {name}"), &[0, 10], {
            let said = said.clone();
            move |asked, _| match asked.what {
                What::Put if asked.range.1 < asked.total => after(said.clone()),
                What::Ask => instead(said.clone()),
                _ => None,
            }
        }));
        cases.push(case(
            format!("nothing taken, {name}"),
            &[10, 5],
            move |asked, _| match asked.what {
                What::Put | What::Ask => instead(said.clone()),
                _ => None,
            },
        ));
    }
    cases.push(case("equal, always", &[10], |asked, _| match asked.what {
        What::Put => instead(next(&json!([asked.range.0.to_string()]))),
        _ => None,
    }));
    for said in ["1000", "-1", "x"] {
        cases.push(case(
            format!("a new session asks for {said}"),
            &[10],
            move |asked, places| {
                let url = format!("{}/up/1?authtoken={SECRET}", places.upload);
                let body = json!({"uploadUrl": url, "nextExpectedRanges": [said]});
                (asked.what == What::Create).then(|| Lie::After(Answer::Raw(reply(201, &body))))
            },
        ));
    }
    prove_all("offsets", cases);
}

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
                    &[0, 10],
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
            case(format!("verify: {name}"), &[10], move |asked, _| {
                (asked.what == What::Content).then(|| Lie::Instead(answer()))
            })
            .with(&["--verify"]),
        );
    }
    prove_all("content that is read back", cases);
}

#[test]
fn upload_urls() {
    let decoy = Decoy::new("127.0.0.1");
    let host = decoy.address.trim_start_matches("http://").to_owned();
    let mut cases = Vec::new();
    for (name, url) in [
        ("missing", None),
        ("null", Some(json!(null))),
        ("a number", Some(json!(7))),
        ("empty", Some(json!(""))),
        ("relative", Some(json!("/up/1"))),
        ("without a scheme", Some(json!(host.clone()))),
        ("ftp", Some(json!(format!("ftp://{host}/x")))),
        ("file", Some(json!("file:///etc/passwd"))),
        (
            "http to another host",
            Some(json!("http://192.0.2.1/x?authtoken=y")),
        ),
        (
            "http to a host that looks local",
            Some(json!("http://127.0.0.1.example.com/x")),
        ),
        (
            "with a user",
            Some(json!(format!("http://user:password@{host}/x"))),
        ),
        (
            "with a line break",
            Some(json!(format!("http://{host}/x\r\nAuthorization: Bearer y"))),
        ),
        ("with a blank", Some(json!(format!("http://{host}/x y")))),
        (
            "40 KiB long",
            Some(json!(format!("http://{host}/{}", "x".repeat(40_000)))),
        ),
    ] {
        cases.push(case(format!("uploadUrl {name}"), &[10], move |asked, _| {
            (asked.what == What::Create).then(|| {
                let mut body = json!({"nextExpectedRanges": ["0-"]});
                if let Some(url) = &url {
                    body["uploadUrl"] = url.clone();
                }
                Lie::Instead(Answer::Raw(reply(201, &body)))
            })
        }));
    }
    cases.push(case("uploadUrl 10 KiB long", &[0], |asked, places| {
        (asked.what == What::Create).then(|| {
            let url = format!(
                "{}/up/1?authtoken={SECRET}{}",
                places.upload,
                "x".repeat(10_240)
            );
            let body = json!({"uploadUrl": url, "nextExpectedRanges": ["0-"]});
            Lie::After(Answer::Raw(reply(201, &body)))
        })
    }));
    prove_all("upload urls", cases);
    assert!(decoy.came().is_empty(), "{:?}", decoy.came());
}

#[test]
fn the_bearer_stays_at_home() {
    let (other_port, other_host) = (Decoy::new("127.0.0.1"), Decoy::new("127.0.0.2"));
    let mut cases = Vec::new();
    for address in [other_port.address.clone(), other_host.address.clone()] {
        let user = address.replace("http://", "http://127.0.0.1@");
        for link in [
            format!("{address}/v1.0/me/messages/x/attachments?$skip=1"),
            address.replace("http://", "//"),
            user,
        ] {
            cases.push(case(format!("nextLink {link}"), &[10], move |asked, _| {
                let body = json!({"value": [], "@odata.nextLink": link});
                (asked.what == What::List).then(|| Lie::Instead(Answer::Raw(reply(200, &body))))
            }));
        }
    }
    for status in [301, 302, 303, 307, 308] {
        for target in [
            other_port.address.clone(),
            other_host.address.clone(),
            String::new(),
        ] {
            for what in [
                What::List,
                What::Create,
                What::Put,
                What::Post,
                What::Ask,
                What::Content,
            ] {
                let target = target.clone();
                let lie = case(
                    format!("{status} on {what:?} to `{target}`"),
                    &[0, 10],
                    move |asked, places| {
                        let target = match (target.as_str(), asked.bearer) {
                            ("", true) => format!("{}/stray", places.graph),
                            ("", false) => format!("{}/stray", places.upload),
                            (target, _) => format!("{target}/stray"),
                        };
                        let location = format!("Location: {target}\r\n");
                        let away = with_head(&format!("{status} Away"), &location, b"");
                        match (asked.what, asked.nth) {
                            (What::Put, 2) if what == What::Ask => {
                                Some(Lie::After(Answer::Last(Vec::new())))
                            }
                            _ if asked.what == what => instead(away),
                            _ => None,
                        }
                    },
                );
                let lie = match what {
                    What::Post => lie.small(),
                    What::Content => lie.with(&["--verify"]),
                    _ => lie,
                };
                cases.push(lie.with(&["--max-retries", "1"]));
            }
        }
    }
    prove_all("the bearer stays at home", cases);
    for decoy in [&other_port, &other_host] {
        assert!(decoy.came().is_empty(), "{:?}", decoy.came());
    }
}

#[test]
fn a_redirect_on_delete_is_not_followed() {
    let (other_port, other_host) = (Decoy::new("127.0.0.1"), Decoy::new("127.0.0.2"));
    for status in [301, 302, 303, 307, 308] {
        for target in [
            other_port.address.clone(),
            other_host.address.clone(),
            String::new(),
        ] {
            let liar = Liar::new(Box::new(move |asked, places| match asked.what {
                What::Put => instead(reply(503, &json!({}))),
                What::Delete => {
                    let host = if target.is_empty() {
                        &places.upload
                    } else {
                        &target
                    };
                    let location = format!("Location: {host}/stray\r\n");
                    instead(with_head(&format!("{status} Away"), &location, b""))
                }
                _ => None,
            }));
            let home = tempfile::tempdir().unwrap();
            fs::write(home.path().join("f"), content("f", SIZE)).unwrap();
            let run = |args: &[&str]| {
                let watched = watch(&mut command(home.path(), &liar.places, args), MINUTE);
                keeps_secrets(&watched, "cancel");
                watched.run
            };
            run(&["attach", "--max-retries", "0", "f"]).code(5);
            run(&["cancel", "--all"]).code(10).says("redirect");
            let stray = liar
                .seen()
                .into_iter()
                .find(|asked| asked.what == What::Stray);
            assert!(stray.is_none(), "{stray:?}");
            // The session is still known, so that it can be cancelled later.
            assert_eq!(run(&["status"]).code(0).stdout.lines().count(), 1);
        }
    }
    for decoy in [&other_port, &other_host] {
        assert!(decoy.came().is_empty(), "{:?}", decoy.came());
    }
}
