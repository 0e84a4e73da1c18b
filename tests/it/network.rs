//! What is between here and the service: proxies, inspected TLS, pages instead of answers. Each is told as what it
//! is, costs no session, and is not tried for minutes when that cannot help.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::support::{
    BINARY, Run, Stage, content,
    liar::{Answer as Reply, Liar, Lie, TOKEN, What, with_head},
    login_server::{Answer, Identity, LoginServer},
};

/// A name that no resolver knows: whoever is asked for it is asked by us.
const HOST: &str = "graph.test";

/// A proxy: answers every CONNECT with these bytes, or connects it to this address whatever it asks for.
struct Proxy {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    fn refusing(answer: &str) -> Self {
        let answer = answer.to_owned();
        Self::start(move |mut client, _| {
            let _ = client.write_all(answer.as_bytes());
        })
    }

    fn to(server: &str) -> Self {
        let server = server.strip_prefix("https://").unwrap().to_owned();
        Self::start(move |mut client, _| {
            let upstream = TcpStream::connect(&server).unwrap();
            client.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").unwrap();
            let (up, down) = (client.try_clone().unwrap(), upstream.try_clone().unwrap());
            thread::spawn(move || carry(up, upstream));
            carry(down, client);
        })
    }

    fn start(answer: impl Fn(TcpStream, &str) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let (seen, answer) = (Arc::clone(&asked), Arc::new(answer));
        thread::spawn(move || {
            for client in listener.incoming() {
                let (seen, answer) = (Arc::clone(&seen), Arc::clone(&answer));
                thread::spawn(move || {
                    let client = client.unwrap();
                    let mut head = String::new();
                    let mut reader = BufReader::new(&client);
                    while reader.read_line(&mut head).unwrap_or(0) > 2 {}
                    seen.lock().unwrap().push(head.clone());
                    answer(client, &head);
                });
            }
        });
        Proxy { address, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
}

/// `ls` of a host that only a proxy could know.
fn ls(proxy: &str, more: impl FnOnce(&mut Command)) -> Run {
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(BINARY);
    command
        .args(["ls", "--message", "AAMkItem=", "-v"])
        .env_clear()
        .env("HOME", home.path())
        .env("GRAPH_ATTACH_ENDPOINT", format!("https://{HOST}/v1.0"))
        .env("GRAPH_ATTACH_TOKEN", "t0k3n-of-the-network")
        .env("HTTPS_PROXY", proxy);
    more(&mut command);
    Run::of(command.output().unwrap())
}

/// Fails when something took so long that it was tried again and again.
#[track_caller]
fn soon<T>(work: impl FnOnce() -> T) -> T {
    let began = Instant::now();
    let done = work();
    assert!(began.elapsed() < Duration::from_secs(30));
    done
}

fn refused(proxy: &Proxy) -> Run {
    let with_password = format!("http://me:hunter22@{}", proxy.address);
    let run = soon(|| ls(&with_password, |_| {}));
    assert!(run.stderr.contains(&proxy.address), "{run:#?}");
    assert!(!run.stderr.contains("hunter"), "{run:#?}");
    run
}

#[test]
fn an_unknown_issuer_is_named_at_the_first_try_through_a_proxy_too() {
    let identity = Identity::new(HOST);
    let server = LoginServer::start_tls(&identity, |_, _| Answer::json(404, &json!({})));
    let proxy = Proxy::to(&server.url);
    let run = soon(|| ls(&proxy.address, |_| {})).code(2);
    for word in ["rcgen self signed cert", "--ca-file", HOST] {
        assert!(run.stderr.contains(word), "{run:#?}");
    }
    assert!(server.seen().is_empty());
    assert_eq!(proxy.asked().len(), 1, "one try");
    // And with that issuer it is the service.
    let trusting = |command: &mut Command| {
        command.arg("--ca-file").arg(&identity.ca_file);
    };
    ls(&proxy.address, trusting).code(6);
    let instead = |command: &mut Command| {
        command.env("SSL_CERT_FILE", &identity.ca_file);
    };
    ls(&proxy.address, instead).code(6);
    // An empty variable is none: not a file without a name.
    let empty = |command: &mut Command| {
        command.arg("--ca-file").arg(&identity.ca_file);
        command.env("SSL_CERT_FILE", "").env("SSL_CERT_DIR", "");
    };
    ls(&proxy.address, empty).code(6);
    // Each looks at the list, and then whether the id is an event's.
    assert_eq!(server.seen().len(), 6);
    assert_eq!(server.seen()[0].header("accept-encoding"), Some("identity"));
}

#[test]
fn a_proxy_that_refuses_is_final_and_named() {
    let wants_password = Proxy::refusing("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
    refused(&wants_password)
        .code(2)
        .says("user name and password")
        .says("HTTPS_PROXY");
    let head = &wants_password.asked()[0];
    assert!(head.starts_with(&format!("CONNECT {HOST}:443")), "{head}");
    assert!(
        head.to_ascii_lowercase()
            .contains("proxy-authorization: basic"),
        "{head}"
    );

    let blocks = Proxy::refusing(
        "HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\n\r\n<title>Blocked by Contoso</title>",
    );
    refused(&blocks)
        .code(2)
        .says("403")
        .says("Blocked by Contoso");

    // The proxy is willing and cannot: later it may.
    let cannot = Proxy::refusing("HTTP/1.1 502 Bad Gateway\r\n\r\n");
    refused(&cannot).code(5).says("502");
}

#[test]
fn a_proxy_that_cannot_be_one_is_no_reason_to_go_around_it() {
    for value in [
        "socks5://me:hunter22@p:1080",
        "\"http://me:hunter22@p:8080\"",
        "http://p:8080\r",
    ] {
        let run = soon(|| ls(value, |_| {})).code(2).says("HTTPS_PROXY");
        assert!(!run.stderr.contains("hunter"), "{run:#?}");
    }
    // Nobody needs it to reach this computer.
    let stage = Stage::new();
    stage.file("f.txt", 10);
    let mut command = stage.command(["attach", "f.txt"]);
    command.env("HTTPS_PROXY", "socks5://p:1080");
    Run::of(command.output().unwrap()).code(0);
}

#[test]
fn a_host_that_cannot_be_reached_is_given_up_soon_by_those_who_wait() {
    let run = soon(|| {
        ls("", |command| {
            command.env("GRAPH_ATTACH_ENDPOINT", "http://127.0.0.1:1/v1.0");
        })
    });
    run.code(5).says("127.0.0.1");
}

#[test]
fn a_host_that_the_environment_alone_chose_is_named_once() {
    let proxy = Proxy::refusing("HTTP/1.1 403 Forbidden\r\n\r\n");
    let warning = format!("the token goes to `{HOST}`");
    let run = ls(&proxy.address, |_| {}).code(2);
    assert_eq!(run.stderr.matches(&warning).count(), 1, "{run:#?}");
    assert!(
        run.stderr
            .contains("login host https://login.microsoftonline.com")
    );
    let asked_for = |command: &mut Command| {
        command.args(["--endpoint", &format!("https://{HOST}/v1.0")]);
    };
    let run = ls(&proxy.address, asked_for).code(2);
    assert!(!run.stderr.contains("the token goes to"), "{run:#?}");
}

#[test]
fn an_endpoint_without_its_version_is_asked_about() {
    let run = ls("", |command| {
        command.args(["--endpoint", "https://graph.microsoft.com"]);
    });
    run.code(2)
        .says("did you mean `--endpoint https://graph.microsoft.com/v1.0`?");
}

/// A page, as gateways and hotels send it.
fn page(status: &str) -> Vec<u8> {
    let headers = "Content-Type: text/html\r\nLocation: http://portal.example/\r\n";
    with_head(
        status,
        headers,
        b"<html><title>Sign in to Hotel WLAN</title></html>",
    )
}

fn attach(home: &Path, liar: &Liar, args: &[&str]) -> Run {
    let mut command = Command::new(BINARY);
    command
        .args(args)
        .env_clear()
        .env("HOME", home)
        .env(
            "GRAPH_ATTACH_ENDPOINT",
            format!("{}/v1.0", liar.places.graph),
        )
        .env("GRAPH_ATTACH_TOKEN", TOKEN)
        .env("GRAPH_ATTACH_MESSAGE", "AAMkItem=")
        .current_dir(home);
    Run::of(command.output().unwrap())
}

#[test]
fn a_page_instead_of_an_answer_is_told_as_one_and_costs_no_session() {
    let cases: Vec<(What, &str)> = [What::List, What::Create, What::Put, What::Content]
        .into_iter()
        .flat_map(|what| {
            [
                "200 OK",
                "302 Found",
                "403 Forbidden",
                "404 Not Found",
                "502 Bad Gateway",
            ]
            .map(|status| (what, status))
        })
        .collect();
    thread::scope(|scope| {
        for (what, status) in cases {
            scope.spawn(move || {
                let between = Arc::new(AtomicBool::new(true));
                let is_between = Arc::clone(&between);
                let liar = Liar::new(Box::new(move |asked, _| {
                    let lies = asked.what == what && is_between.load(Ordering::SeqCst);
                    lies.then(|| Lie::Instead(Reply::Raw(page(status))))
                }));
                let home = tempfile::tempdir().unwrap();
                fs::write(home.path().join("f"), content("f", 3_000_000)).unwrap();
                let run = attach(
                    home.path(),
                    &liar,
                    &[
                        "attach",
                        "--max-retries",
                        "1",
                        "--chunk-size",
                        "1MiB",
                        "--verify",
                        "f",
                    ],
                );
                let name = format!("{what:?} {status}: {run:#?}");
                assert_eq!(run.code, Some(5), "{name}");
                for wrong in ["permission", "contradict", "is not there", "not the file"] {
                    assert!(!run.stderr.contains(wrong), "{name}");
                }
                if !status.starts_with("302") {
                    assert!(run.stderr.contains("Sign in to Hotel WLAN"), "{name}");
                }
                let sessions = |liar: &Liar| {
                    let seen = liar.seen();
                    seen.iter()
                        .filter(|asked| asked.what == What::Create)
                        .count()
                };
                let before = sessions(&liar);
                // Signed in, it goes on with what there was.
                between.store(false, Ordering::SeqCst);
                match what {
                    What::Put => attach(home.path(), &liar, &["resume"]).code(0),
                    _ => attach(home.path(), &liar, &["attach", "f"]).code(0),
                };
                assert_eq!(liar.held().len(), 1, "{name}");
                if what == What::Put {
                    assert_eq!(sessions(&liar), before, "{name}");
                }
            });
        }
    });
}

#[test]
fn every_request_is_in_the_log_file_and_no_secret() {
    use std::os::unix::fs::PermissionsExt;
    let stage = Stage::with_faults(&["put@2=503:0"]);
    stage.file("f.bin", 5_000_000);
    let log = stage.home.path().join("log");
    let run = stage
        .run([
            "attach",
            "-vv",
            "--log-file",
            log.to_str().unwrap(),
            "f.bin",
        ])
        .code(0);
    let text = fs::read_to_string(&log).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let seen = stage.sandbox.requests();
    assert_eq!(lines.len(), seen.len(), "{text}");
    for (line, seen) in lines.iter().zip(&seen) {
        assert_eq!(line["method"], json!(seen.method), "{text}");
        assert_eq!(line["status"], json!(seen.status), "{text}");
        assert!(line["ms"].is_u64() && line["host"].as_str().unwrap().starts_with("127.0.0.1:"));
        assert!(line["client_request_id"].is_string(), "{text}");
    }
    let puts: Vec<&Value> = lines
        .iter()
        .filter(|line| line["method"] == json!("PUT"))
        .collect();
    assert!(puts.iter().all(|put| put["path"] == json!("/…")), "{text}");
    let sent: u64 = puts.iter().map(|put| put["sent"].as_u64().unwrap()).sum();
    assert!(sent >= 5_000_000, "{text}");
    assert!(puts.iter().any(|put| put["attempt"] == json!(2)), "{text}");
    let mode = fs::metadata(&log).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let shown = run
        .stderr
        .lines()
        .filter(|line| line.contains(" B sent, "))
        .count();
    assert_eq!(shown, lines.len(), "{run:#?}");
    for text in [&text, &run.stderr] {
        assert!(
            !text.contains("authtoken") && !text.contains(stage.sandbox.token()),
            "{text}"
        );
    }
    // A log that cannot be written is told before anything is done.
    let before = stage.sandbox.requests().len();
    stage
        .run(["attach", "--log-file", "/missing/log", "f.bin"])
        .code(2);
    assert_eq!(stage.sandbox.requests().len(), before);
}

#[test]
fn what_a_service_echoes_is_blanked_everywhere() {
    let echo = |_: usize, seen: &crate::support::login_server::Seen| {
        let bearer = seen.header("authorization").unwrap_or_default().to_owned();
        let word = bearer.trim_start_matches("Bearer ");
        if seen.line.contains("/events/") {
            let id = json!({"error": {"code": word, "message": format!("no {bearer}"),
                "innerError": {"request-id": word}}});
            return Answer::json(400, &id);
        }
        let entry = json!({"id": "A=", "name": word, "contentType": format!("x/{}", &word[4..]), "size": 1});
        Answer::json(200, &json!({"value": [entry]}))
    };
    let token = "t0k3n-that-a-service-may-well-echo-in-its-words";
    let server = LoginServer::start(echo);
    for (option, code) in [("--message", 0), ("--event", 7)] {
        let home = tempfile::tempdir().unwrap();
        let mut command = Command::new(BINARY);
        command
            .args([
                "ls",
                option,
                "AAMkItem=",
                "-vv",
                "--json",
                "--log-file",
                "log",
            ])
            .env_clear()
            .env("HOME", home.path())
            .env("GRAPH_ATTACH_ENDPOINT", format!("{}/v1.0", server.url))
            .env("GRAPH_ATTACH_TOKEN", token)
            .current_dir(home.path());
        let run = Run::of(command.output().unwrap()).code(code);
        let log = fs::read_to_string(home.path().join("log")).unwrap();
        let said = format!("{}{}{log}", run.stdout, run.stderr);
        assert!(said.contains("[REDACTED]"), "{said}");
        for part in token.as_bytes().windows(24) {
            assert!(!said.contains(std::str::from_utf8(part).unwrap()), "{said}");
        }
    }
}

#[test]
fn an_id_of_the_other_kind_is_named_and_one_of_a_header_is_looked_up() {
    let stage = Stage::new();
    let (message, event) = (stage.sandbox.message(), stage.sandbox.event());
    stage
        .run(["ls", "--message", event])
        .code(6)
        .says("the id of an event")
        .says("--event");
    stage
        .run(["ls", "--event", message])
        .code(6)
        .says("the id of a message");
    stage.file("f.txt", 10);
    let mut command = stage.command(["attach", "--message", event, "f.txt"]);
    command.env_remove("GRAPH_ATTACH_MESSAGE");
    Run::of(command.output().unwrap())
        .code(6)
        .says("the id of an event");
    let encoded = message.replace('=', "%253D");
    stage.run(["ls", "--message", &encoded]).code(0);

    let server = LoginServer::start(|_, seen| {
        let found =
            json!({"id": "AAMkFound=", "subject": "s", "receivedDateTime": "2026-01-01T00:00:00Z"});
        match seen.line.contains("internetMessageId") {
            true => Answer::json(200, &json!({"value": [found]})),
            false => Answer::json(200, &json!({"value": []})),
        }
    });
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(BINARY);
    command
        .args(["ls", "--message", "<CAF=x+y@mail.example>"])
        .env_clear()
        .env("HOME", home.path())
        .env("GRAPH_ATTACH_ENDPOINT", format!("{}/v1.0", server.url))
        .env("GRAPH_ATTACH_TOKEN", "t0k3n");
    Run::of(command.output().unwrap()).code(0);
    let seen = server.seen();
    assert!(
        seen[0].line.contains("CAF%3Dx%2By%40mail%2Eexample%3E%27"),
        "{seen:?}"
    );
    assert!(
        seen[1].line.contains("/messages/AAMkFound=/attachments"),
        "{seen:?}"
    );
}
