//! An app that signs in with a certificate, against a stand-in that checks the signature.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};

use crate::support::{
    Run, Stage,
    entra::jwt,
    login_server::{Answer, LoginServer, Seen},
};

const CONFIG: &str = "\
auth = \"client-certificate\"
tenant = \"my-tenant\"
client_id = \"my-app\"
client_certificate_file = \"app.pem\"
";

/// A certificate, its key, and its public key as the login host has it.
struct Made {
    certificate: String,
    key: String,
    thumbprint: String,
    public: DecodingKey,
}

fn made(until: i32) -> Made {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
    let mut parameters = rcgen::CertificateParams::new(Vec::new()).unwrap();
    parameters.not_before = rcgen::date_time_ymd(2019, 1, 1);
    parameters.not_after = rcgen::date_time_ymd(until, 1, 1);
    let certificate = parameters.self_signed(&key).unwrap();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, certificate.der());
    Made {
        certificate: certificate.pem(),
        key: key.serialize_pem(),
        thumbprint: URL_SAFE_NO_PAD.encode(digest),
        public: DecodingKey::from_rsa_der(&rsa_public(&key)),
    }
}

fn rsa_public(key: &rcgen::KeyPair) -> Vec<u8> {
    use aws_lc_rs::signature::KeyPair as _;
    let pair = aws_lc_rs::rsa::KeyPair::from_pkcs8(&key.serialize_der()).unwrap();
    pair.public_key().as_ref().to_vec()
}

fn host(made: &Made, ahead: i64) -> LoginServer {
    let (public, thumbprint) = (made.public.clone(), made.thumbprint.clone());
    LoginServer::start(move |_, seen| judge(seen, &public, &thumbprint, ahead))
}

/// As Entra judges an assertion; its clock is ahead of ours by some seconds.
fn judge(seen: &Seen, public: &DecodingKey, thumbprint: &str, ahead: i64) -> Answer {
    let assertion = seen.value("client_assertion").unwrap();
    assert_eq!(
        seen.value("client_assertion_type"),
        Some("urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
    );
    assert_eq!(seen.value("client_id"), Some("my-app"));
    let header = jsonwebtoken::decode_header(assertion).unwrap();
    if header.x5t_s256.as_deref() != Some(thumbprint) {
        return Answer::error(
            "invalid_client",
            "AADSTS700027: The certificate with identifier used to sign the client assertion is not registered on application.",
        );
    }
    let mut validation = Validation::new(Algorithm::PS256);
    validation.set_audience(&[format!(
        "http://{}/my-tenant/oauth2/v2.0/token",
        seen.header("host").unwrap()
    )]);
    validation.validate_exp = false;
    let claims = jsonwebtoken::decode::<serde_json::Value>(assertion, public, &validation)
        .unwrap()
        .claims;
    assert_eq!(
        (&claims["iss"], &claims["sub"]),
        (&"my-app".into(), &"my-app".into())
    );
    let now = jiff::Timestamp::now().as_second() + ahead;
    let of = |name: &str| claims[name].as_i64().unwrap();
    if of("nbf") > now + 300 || of("exp") < now - 300 {
        return Answer::error(
            "invalid_client",
            "AADSTS700024: Client assertion is not within its valid time range.",
        )
        .at(now);
    }
    let token = jwt(&serde_json::json!({
        "aud": "https://graph.microsoft.com", "idtyp": "app", "roles": ["Mail.ReadWrite"],
        "tid": "my-tenant", "appid": "my-app",
    }));
    Answer::token(&token, 3600)
}

fn status(stage: &Stage, host: &LoginServer, pem: &str) -> Run {
    status_with(stage, host, |path| fs::write(path, pem).unwrap())
}

fn status_with(stage: &Stage, host: &LoginServer, write: impl FnOnce(&Path)) -> Run {
    fs::write(stage.home.path().join("c.toml"), CONFIG).unwrap();
    write(&stage.home.path().join("app.pem"));
    let mut command = stage.command(["--config", "c.toml", "auth", "status"]);
    command
        .env_remove("GRAPH_ATTACH_TOKEN")
        .env("AZURE_AUTHORITY_HOST", &host.url);
    Run::of(command.output().unwrap())
}

#[test]
fn an_app_signs_in_with_its_certificate() {
    let stage = Stage::new();
    let app = made(4096);
    let host = host(&app, 0);
    let pem = format!("{}{}", app.certificate, app.key);
    let run = status_with(&stage, &host, |path| {
        fs::write(path, pem).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    })
    .code(0);
    assert!(run.stdout.contains("kind\tapp"), "{run:?}");
    assert!(!run.stderr.contains("can be read by others"), "{run:?}");
    assert_eq!(host.seen().len(), 1);
}

#[test]
fn a_file_that_others_can_read_is_pointed_out() {
    let stage = Stage::new();
    let app = made(4096);
    status_with(&stage, &host(&app, 0), |path| {
        fs::write(path, format!("{}{}", app.certificate, app.key)).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
    })
    .code(0)
    .says("the client certificate file")
    .says("can be read by others (mode 0644)");
}

#[test]
fn a_certificate_that_the_registration_does_not_have_is_named() {
    let stage = Stage::new();
    let (registered, other) = (made(4096), made(4096));
    let host = host(&registered, 0);
    status(
        &stage,
        &host,
        &format!("{}{}", other.certificate, other.key),
    )
    .code(4)
    .says("the app's registration does not have this certificate")
    .says("compare the thumbprint");
    assert_eq!(host.seen().len(), 1);
}

#[test]
fn what_cannot_be_used_is_told_without_asking_anybody() {
    let stage = Stage::new();
    let (app, expired) = (made(4096), made(2020));
    let host = host(&app, 0);
    for (pem, why) in [
        (app.certificate.clone(), "no private key"),
        (app.key.clone(), "no certificate"),
        (
            format!("{}{}", expired.certificate, expired.key),
            "has expired",
        ),
        (
            format!("{}{}", app.certificate, expired.key),
            "another certificate",
        ),
        (String::new(), "not PEM"),
    ] {
        let run = status(&stage, &host, &pem)
            .code(2)
            .says(why)
            .says("app.pem");
        assert!(!format!("{run:?}").contains("BEGIN"), "{run:?}");
    }
    fs::remove_file(stage.home.path().join("app.pem")).unwrap();
    status_with(&stage, &host, |_| {})
        .code(4)
        .says("cannot read");
    assert!(host.seen().is_empty());
}

#[test]
fn a_clock_that_is_off_by_an_hour_is_seen_by_the_login_host_s() {
    for ahead in [-3600, 3600] {
        let stage = Stage::new();
        let app = made(4096);
        let host = host(&app, ahead);
        status(&stage, &host, &format!("{}{}", app.certificate, app.key)).code(0);
        assert_eq!(host.seen().len(), 2);
    }
}
