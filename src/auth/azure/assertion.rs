//! What an app proves itself with instead of a secret: a token of its platform, or a token that it signs
//! itself with the key of its certificate. Signing is the `jsonwebtoken` crate's.

use std::{fmt, path::Path};

use aws_lc_rs::{
    digest::{SHA256, digest},
    rsa::KeyPair,
    signature::KeyPair as _,
};
use azure_core::http::ClientMethodOptions;
use azure_identity::ClientAssertion;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::{auth::CredentialError, pasted};

/// How long a signed token is good for. Entra wants minutes.
const LIFETIME: SignedDuration = SignedDuration::from_mins(10);

/// Longest file that is read: a key, and a certificate with its authorities.
const LONGEST: u64 = 256 * 1024;

/// An assertion that was made already.
pub(super) struct Made(pub(super) SecretString);

impl fmt::Debug for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Made(…)")
    }
}

#[async_trait::async_trait]
impl ClientAssertion for Made {
    async fn secret(&self, _: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        Ok(self.0.expose_secret().to_owned())
    }
}

/// A certificate with its key.
pub(super) struct ClientCertificate {
    key: EncodingKey,
    /// SHA-256 of the certificate, by which Entra finds it.
    thumbprint: String,
}

impl ClientCertificate {
    /// Reads a PEM file with a certificate, or several of which one fits, and its key.
    pub(super) fn read(path: &Path, now: Timestamp) -> Result<Self, CredentialError> {
        let wrong = |why, hint: Option<String>| CredentialError::Certificate {
            path: path.to_owned(),
            why,
            hint,
        };
        let unreadable = |source| CredentialError::Unreadable {
            path: path.to_owned(),
            source,
        };
        let bytes = read_limited(path).map_err(unreadable)?;
        let shown = path.display().to_string();
        let quoted = shlex::try_quote(&shown).unwrap_or_default();
        // Both begin with the mark of a sequence.
        if bytes.starts_with(&[0x30]) {
            let to_pem = format!("openssl pkcs12 -in {quoted} -nodes -out app.pem");
            return Err(wrong("it is PFX (PKCS #12) or DER, not PEM", Some(to_pem)));
        }
        let text = pasted::text(&bytes)?;
        let blocks = pem::parse_many(text.as_bytes())
            .ok()
            .filter(|blocks| !blocks.is_empty())
            .ok_or_else(|| wrong("it is not PEM, or is damaged", None))?;
        let encrypted = |block: &pem::Pem| {
            block.tag() == "ENCRYPTED PRIVATE KEY" || block.headers().get("DEK-Info").is_some()
        };
        if blocks.iter().any(encrypted) {
            let plain = format!("openssl pkey -in {quoted} -out app-key.pem");
            return Err(wrong("its key is encrypted with a password", Some(plain)));
        }
        let Some(key) = blocks
            .iter()
            .find(|block| block.tag().ends_with("PRIVATE KEY"))
        else {
            return Err(wrong(
                "it has no private key: certificate and key belong into one file",
                Some("cat app.key app.crt > app.pem".into()),
            ));
        };
        let pair = match key.tag() {
            "RSA PRIVATE KEY" => KeyPair::from_der(key.contents()),
            _ => KeyPair::from_pkcs8(key.contents()),
        };
        let pair = pair.map_err(|_| wrong("its key is not an RSA key, which Entra wants", None))?;
        let certificates = || blocks.iter().filter(|block| block.tag() == "CERTIFICATE");
        if certificates().next().is_none() {
            return Err(wrong("it has a key, but no certificate", None));
        }
        let own = certificates().find_map(|block| {
            let (_, certificate) = X509Certificate::from_der(block.contents()).ok()?;
            let public = &certificate.public_key().subject_public_key.data;
            (public.as_ref() == pair.public_key().as_ref()).then_some((block, certificate))
        });
        let Some((block, certificate)) = own else {
            return Err(wrong("its key belongs to another certificate", None));
        };
        let validity = certificate.validity();
        if validity.not_after.timestamp() < now.as_second() {
            return Err(wrong(
                "the certificate has expired",
                Some(
                    "app registration, Certificates & secrets: Upload certificate, and use its key"
                        .into(),
                ),
            ));
        }
        if validity.not_before.timestamp() > now.as_second() {
            return Err(wrong(
                "the certificate is not valid yet",
                Some("check this computer's clock".into()),
            ));
        }
        let pem = pem::encode(key);
        Ok(ClientCertificate {
            key: EncodingKey::from_rsa_pem(pem.as_bytes())
                .map_err(|_| wrong("its key is not an RSA key, which Entra wants", None))?,
            thumbprint: URL_SAFE_NO_PAD.encode(digest(&SHA256, block.contents())),
        })
    }

    /// A token that says that this app asks this endpoint, now.
    pub(super) fn sign(
        &self,
        client_id: &str,
        endpoint: &str,
        now: Timestamp,
    ) -> Result<SecretString, CredentialError> {
        let header = Header {
            x5t_s256: Some(self.thumbprint.clone()),
            ..Header::new(Algorithm::PS256)
        };
        let claims = Assertion {
            aud: endpoint,
            iss: client_id,
            sub: client_id,
            jti: uuid::Uuid::new_v4().to_string(),
            iat: now.as_second(),
            nbf: now.as_second(),
            exp: (now + LIFETIME).as_second(),
        };
        jsonwebtoken::encode(&header, &claims, &self.key)
            .map(SecretString::from)
            .map_err(|_| {
                CredentialError::Identity("the key of the certificate does not sign".into())
            })
    }
}

#[derive(Serialize)]
struct Assertion<'a> {
    aud: &'a str,
    iss: &'a str,
    sub: &'a str,
    jti: String,
    iat: i64,
    nbf: i64,
    exp: i64,
}

fn read_limited(path: &Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read;
    let mut bytes = Vec::new();
    std::fs::File::open(path)?
        .take(LONGEST)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use jsonwebtoken::{DecodingKey, Validation};

    use super::*;

    /// A certificate for an app, and its key, as PEM.
    fn made(from: i32, until: i32) -> (String, String) {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
        let mut parameters = rcgen::CertificateParams::new(Vec::new()).unwrap();
        parameters.not_before = rcgen::date_time_ymd(from, 1, 1);
        parameters.not_after = rcgen::date_time_ymd(until, 1, 1);
        let certificate = parameters.self_signed(&key).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    fn read(text: &[u8]) -> Result<ClientCertificate, CredentialError> {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("app.pem");
        fs::write(&path, text).unwrap();
        ClientCertificate::read(&path, Timestamp::now())
    }

    #[test]
    fn a_signed_token_says_who_asks_and_by_which_certificate() {
        let (certificate, key) = made(2020, 4096);
        let (other, _) = made(2020, 4096);
        // In any order, with a chain, as Windows saves it.
        for text in [
            format!("{certificate}{key}"),
            format!("\u{feff}{key}{other}{certificate}").replace('\n', "\r\n"),
        ] {
            let app = read(text.as_bytes()).unwrap();
            let now = Timestamp::now();
            let token = app
                .sign("my-app", "https://login.example/t/token", now)
                .unwrap();
            let block = pem::parse(&certificate).unwrap();
            let (_, parsed) = X509Certificate::from_der(block.contents()).unwrap();
            let public = DecodingKey::from_rsa_der(&parsed.public_key().subject_public_key.data);
            let mut validation = Validation::new(Algorithm::PS256);
            validation.set_audience(&["https://login.example/t/token"]);
            let decoded = jsonwebtoken::decode::<serde_json::Value>(
                token.expose_secret(),
                &public,
                &validation,
            )
            .unwrap();
            assert_eq!(decoded.claims["iss"], "my-app");
            assert_eq!(decoded.claims["sub"], "my-app");
            assert_eq!(decoded.claims["exp"], now.as_second() + 600);
            let thumbprint = URL_SAFE_NO_PAD.encode(digest(&SHA256, block.contents()));
            assert_eq!(decoded.header.x5t_s256, Some(thumbprint));
        }
    }

    #[test]
    fn what_cannot_be_used_says_why() {
        let (certificate, key) = made(2020, 4096);
        let (expired, expired_key) = made(2019, 2020);
        let (early, early_key) = made(4000, 4096);
        let (_, other_key) = made(2020, 4096);
        let ec = rcgen::KeyPair::generate().unwrap().serialize_pem();
        let locked =
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
        let der = pem::parse(&certificate).unwrap().into_contents();
        for (text, why) in [
            (certificate.clone(), "no private key"),
            (key, "no certificate"),
            (format!("{certificate}{other_key}"), "another certificate"),
            (format!("{expired}{expired_key}"), "has expired"),
            (format!("{early}{early_key}"), "not valid yet"),
            (format!("{certificate}{ec}"), "not an RSA key"),
            (format!("{certificate}{locked}"), "encrypted"),
            (String::new(), "not PEM"),
            ("-----BEGIN CERTIFICATE-----\n!\n".into(), "PEM"),
        ] {
            let problem = read(text.as_bytes()).err().unwrap();
            let shown = format!("{problem} {problem:?}");
            assert!(shown.contains(why), "{why}: {shown}");
            assert!(!shown.contains("BEGIN"), "{shown}");
        }
        let problem = read(&der).err().unwrap();
        assert!(problem.to_string().contains("PFX"), "{problem}");
        assert!(problem.hints()[0].contains("openssl pkcs12"));
    }
}
