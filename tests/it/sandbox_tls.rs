//! The stand-in over https: both hosts, and only for those who trust its authority.

use std::{fs, os::unix::fs::PermissionsExt};

use graph_sandbox::{Options, Sandbox, options::UrlForm};
use reqwest::Certificate;
use serde_json::{Value, json};

use crate::support::bytes;

#[tokio::test]
async fn both_hosts_speak_https_to_those_who_trust_them() {
    for upload_url in [UrlForm::Gv1, UrlForm::Office365] {
        let options = Options {
            tls: true,
            upload_url,
            ..Options::default()
        };
        let sandbox = Sandbox::start(options).await.expect("the stand-in starts");
        let file = sandbox.ca_file().expect("a certificate").to_owned();
        assert_eq!(
            fs::metadata(&file).expect("a file").permissions().mode() & 0o777,
            0o600
        );
        let pem = fs::read(&file).expect("readable");
        assert!(!String::from_utf8_lossy(&pem).contains("PRIVATE"));
        let variables = sandbox.variables();
        assert!(variables.contains(&("SSL_CERT_FILE", file.display().to_string())));

        let stranger = reqwest::Client::builder()
            .no_proxy()
            .build()
            .expect("a client");
        assert!(stranger.get(sandbox.endpoint()).send().await.is_err());

        let authority = Certificate::from_pem(&pem).expect("a certificate");
        let http = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only([authority])
            .build()
            .expect("a client");
        let attachments = format!(
            "{}/me/messages/{}/attachments",
            sandbox.endpoint(),
            sandbox.message()
        );
        assert!(attachments.starts_with("https://127.0.0.1:"));
        let content = bytes(3_000_000);
        let file_item = json!({"attachmentType": "file", "name": "a", "size": content.len()});
        let session: Value = http
            .post(format!("{attachments}/createUploadSession"))
            .bearer_auth(sandbox.token())
            .json(&json!({"AttachmentItem": file_item}))
            .send()
            .await
            .expect("an answer")
            .json()
            .await
            .expect("JSON");
        let url = session["uploadUrl"].as_str().expect("a URL");
        assert!(url.starts_with("https://"), "{url}");
        let range = format!("bytes 0-{}/{}", content.len() - 1, content.len());
        let answer = http
            .put(url)
            .header("content-range", range)
            .body(content)
            .send()
            .await;
        assert_eq!(answer.expect("an answer").status(), 201);
        assert_eq!(sandbox.items()[0].attachments[0].size, 3_000_000);

        drop(sandbox);
        assert!(!file.exists(), "the certificate goes with the stand-in");
    }
}

#[tokio::test]
async fn a_reset_is_a_reset_under_tls_too() {
    let options = Options {
        tls: true,
        faults: vec![
            "get@1=reset".parse().expect("a fault"),
            "get@2=lost".parse().expect("one"),
        ],
        ..Options::default()
    };
    let sandbox = Sandbox::start(options).await.expect("the stand-in starts");
    let pem = fs::read(sandbox.ca_file().expect("a certificate")).expect("readable");
    let http = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([Certificate::from_pem(&pem).expect("a certificate")])
        .build()
        .expect("a client");
    let get = || {
        http.get(format!("{}/me", sandbox.endpoint()))
            .bearer_auth(sandbox.token())
            .send()
    };
    assert!(get().await.is_err());
    assert!(get().await.is_err());
    assert_eq!(get().await.expect("an answer").status(), 200);
}
