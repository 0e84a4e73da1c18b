//! Addresses that lead elsewhere: upload URLs, links, redirects.

use super::*;

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
                    &[0, 5, 10],
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
            run(&["cancel", "--all"]).code(5).says("redirect");
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
