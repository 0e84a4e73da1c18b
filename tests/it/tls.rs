//! Who the service is, is proved by TLS 1.2 or later, or nothing is sent.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    path::Path,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use serde_json::json;

use crate::support::{
    Run, Stage, has,
    liar::Decoy,
    login_server::{Answer, Identity, LoginServer},
};

fn attach(stage: &Stage, origin: &str, ca_file: Option<&Path>) -> Run {
    stage.file("f.txt", 10);
    let mut command = stage.command(["attach", "--max-retries", "0", "f.txt"]);
    command
        .env("GRAPH_ATTACH_ENDPOINT", format!("{origin}/v1.0"))
        .env_remove("GRAPH_ATTACH_SANDBOX");
    if let Some(path) = ca_file {
        command.arg("--ca-file").arg(path);
    }
    Run::of(command.output().unwrap())
}

fn service(identity: &Identity) -> LoginServer {
    LoginServer::start_tls(identity, |_, _| Answer::json(404, &serde_json::json!({})))
}

#[test]
fn a_certificate_of_a_trusted_authority_is_taken() {
    let stage = Stage::new();
    for name in ["127.0.0.1", "localhost"] {
        let identity = Identity::new(name);
        let server = service(&identity);
        let url = server.url.replace("127.0.0.1", name);
        attach(&stage, &url, Some(&identity.ca_file)).code(6);
        let seen = server.seen();
        assert!(seen[0].header("authorization").is_some(), "{seen:?}");
    }
}

#[test]
fn any_other_certificate_gets_nothing() {
    let stage = Stage::new();
    let (good, other) = (Identity::new("127.0.0.1"), Identity::new("127.0.0.1"));
    let (expired, wrong) = (
        Identity::expired("127.0.0.1"),
        Identity::new("graph.example"),
    );
    let own = Identity::self_signed("127.0.0.1");
    for (identity, ca_file) in [
        (&own, None),
        (&good, None),
        (&good, Some(&other.ca_file)),
        (&expired, Some(&expired.ca_file)),
        (&wrong, Some(&wrong.ca_file)),
    ] {
        let server = service(identity);
        let run = attach(&stage, &server.url, ca_file.map(AsRef::as_ref)).code(2);
        assert!(run.stderr.contains("certificate"), "{run:#?}");
        assert!(server.seen().is_empty());
    }
}

/// The 16-bit number at `at`.
fn number(bytes: &[u8], at: usize) -> usize {
    usize::from(u16::from_be_bytes([bytes[at], bytes[at + 1]]))
}

/// The body of an extension of a ClientHello record.
fn extension(hello: &[u8], wanted: usize) -> Option<Vec<u8>> {
    // Record header 5, handshake header 4, version 2, random 32.
    let mut at = 43;
    at += 1 + usize::from(hello[at]);
    at += 2 + number(hello, at);
    at += 1 + usize::from(hello[at]);
    let end = at + 2 + number(hello, at);
    at += 2;
    while at + 4 <= end {
        let (kind, length) = (number(hello, at), number(hello, at + 2));
        if kind == wanted {
            return Some(hello[at + 4..at + 4 + length].to_vec());
        }
        at += 4 + length;
    }
    None
}

#[test]
fn old_versions_of_tls_are_neither_offered_nor_accepted() {
    const SUPPORTED_VERSIONS: usize = 43;
    const PROTOCOL_VERSION: u8 = 70;
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut header = [0; 5];
        stream.read_exact(&mut header).unwrap();
        let mut hello = header.to_vec();
        hello.resize(5 + number(&header, 3), 0);
        stream.read_exact(&mut hello[5..]).unwrap();
        // A ServerHello that insists on TLS 1.1, with a cipher suite of its time.
        let mut answer = vec![22, 3, 2, 0, 42, 2, 0, 0, 38, 3, 2];
        answer.extend([7; 32]);
        answer.extend([0, 0, 0x2f, 0]);
        stream.write_all(&answer).unwrap();
        let mut reaction = Vec::new();
        let _ = stream.read_to_end(&mut reaction);
        (hello, reaction)
    });
    attach(&Stage::new(), &url, None).code(5);
    let (hello, reaction) = server.join().unwrap();
    let versions = extension(&hello, SUPPORTED_VERSIONS).expect("a list of versions");
    let versions: Vec<_> = versions[1..]
        .chunks(2)
        .map(|pair| number(pair, 0))
        .collect();
    assert!(
        versions.iter().all(|version| *version >= 0x303),
        "{versions:x?}"
    );
    // An alert: fatal, and about the version.
    assert_eq!(reaction.first(), Some(&21), "{reaction:?}");
    assert_eq!(reaction[5..7], [2, PROTOCOL_VERSION], "{reaction:?}");
}

#[test]
fn a_real_server_of_tls_1_1_gets_nothing() {
    if !has("openssl", "a server of TLS 1.1") {
        return;
    }
    let identity = Identity::new("127.0.0.1");
    let [certificate, key] = &identity.files;
    // The other version shows that it is the version.
    for (version, heard) in [("-tls1_1", false), ("-tls1_2", true)] {
        let mut server = Command::new("openssl")
            .args(["s_server", version, "-cipher", "ALL:@SECLEVEL=0", "-www"])
            .args(["-accept", "127.0.0.1:0", "-cert"])
            .arg(certificate)
            .arg("-key")
            .arg(key)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(server.stdout.take().unwrap()).lines();
        let address = lines
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("ACCEPT ").map(str::to_owned))
            .expect("it listens");
        let run = attach(
            &Stage::new(),
            &format!("https://{address}"),
            Some(&identity.ca_file),
        );
        server.kill().unwrap();
        server.wait().unwrap();
        // It answers with a page about itself.
        assert_eq!(
            run.stderr.contains("a web page"),
            heard,
            "{version}: {run:#?}"
        );
        assert_eq!(run.code, Some(5), "{version}: {run:#?}");
    }
}

/// From https to http, which everybody on the way could read: on every request, nothing comes.
#[test]
fn a_redirect_to_plain_http_is_not_followed() {
    thread::scope(|scope| {
        for status in [301, 302, 303, 307, 308] {
            for place in [
                "GET /v1.0",
                "POST /v1.0",
                "PUT /up",
                "GET /up",
                "DELETE /up",
            ] {
                scope.spawn(move || redirected(status, place));
            }
        }
    });
}

/// An upload, and the end of its session, at a service that sends the requests of one kind away.
fn redirected(status: u16, place: &'static str) {
    let decoy = Decoy::new("127.0.0.1");
    let identity = Identity::new("127.0.0.1");
    let target = format!("{}/stray", decoy.address);
    let struck = Arc::new(AtomicBool::new(false));
    let strike = Arc::clone(&struck);
    let server = LoginServer::start_tls(&identity, move |_, seen| {
        if seen.line.starts_with(place) {
            strike.store(true, Ordering::Relaxed);
            return Answer::redirect_with(status, &target);
        }
        let host = seen.header("host").unwrap_or_default();
        let session = json!({
            "uploadUrl": format!("https://{host}/up/1"),
            "nextExpectedRanges": ["0-"],
        });
        match seen.line.split_once('/') {
            Some(("GET ", path)) if path.starts_with("v1.0") => {
                Answer::json(200, &json!({"value": []}))
            }
            Some(("POST ", _)) => Answer::json(201, &session),
            // Nobody knows whether it came.
            Some(("PUT ", _)) => Answer::json(503, &json!({})),
            _ => Answer::json(404, &json!({})),
        }
    });
    let stage = Stage::new();
    stage.file("f.bin", 3_500_000);
    let run = |args: &[&str]| {
        let mut command = stage.command(args);
        command
            .env("GRAPH_ATTACH_ENDPOINT", format!("{}/v1.0", server.url))
            .env("SSL_CERT_FILE", &identity.ca_file)
            .env_remove("GRAPH_ATTACH_SANDBOX");
        Run::of(command.output().unwrap())
    };
    let attached = run(&["attach", "--max-retries", "1", "f.bin"]);
    assert_ne!(attached.code, Some(0), "{attached:#?}");
    run(&["cancel", "--all", "--max-retries", "0"]);
    assert!(struck.load(Ordering::Relaxed), "{status} on {place}");
    let came = decoy.came();
    assert!(came.is_empty(), "{status} on {place}: {came:?}");
}
