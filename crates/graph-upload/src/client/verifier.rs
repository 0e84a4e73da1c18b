//! Checks certificates as another verifier does, and names the issuer that it does not know: the one thing a
//! person needs who is told that a certificate was not accepted.

use std::{fmt, sync::Arc};

use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use x509_parser::{certificate::X509Certificate, x509::X509Name};

use crate::redact;

/// Longest name that is told, in characters.
const LONGEST_NAME: usize = 100;

/// A certificate whose issuer is not trusted.
#[derive(Debug, Clone)]
pub(crate) struct UnknownIssuer(Option<String>);

impl fmt::Display for UnknownIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(issuer) => write!(
                f,
                "its certificate is issued by `{issuer}`, which is not trusted here"
            ),
            None => f.write_str("the issuer of its certificate is not trusted here"),
        }
    }
}

impl std::error::Error for UnknownIssuer {}

/// Trusts nobody: this computer has no certificates to trust. Plain http to this computer works all the same.
#[derive(Debug)]
pub(crate) struct NoRoots;

impl ServerCertVerifier for NoRoots {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Err(none_trusted())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(none_trusted())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(none_trusted())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        aws_lc_rs::default_provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// What is wrong with every certificate then.
#[derive(Debug, thiserror::Error)]
#[error(
    "there are no trusted certificates on this computer: install its CA certificates, or name a file of them in `SSL_CERT_FILE`"
)]
struct NoneTrusted;

fn none_trusted() -> Error {
    Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(NoneTrusted))))
}

#[derive(Debug)]
pub(crate) struct NamingVerifier(Arc<dyn ServerCertVerifier>);

impl NamingVerifier {
    pub(crate) fn new(inner: Arc<dyn ServerCertVerifier>) -> Self {
        NamingVerifier(inner)
    }
}

impl ServerCertVerifier for NamingVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let checked =
            self.0
                .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        checked.map_err(|error| match error {
            Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
                let issuer = UnknownIssuer(issuer(end_entity, intermediates));
                let other = OtherError(Arc::new(issuer));
                Error::InvalidCertificate(CertificateError::Other(other))
            }
            other => other,
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

/// The name of the last issuer in the chain that the server sent: whom one would have to trust.
fn issuer(end_entity: &CertificateDer<'_>, intermediates: &[CertificateDer<'_>]) -> Option<String> {
    let parsed = |der| Some(x509_parser::parse_x509_certificate(der).ok()?.1);
    let others: Vec<X509Certificate<'_>> = intermediates
        .iter()
        .filter_map(|der| parsed(der.as_ref()))
        .collect();
    let mut last = parsed(end_entity.as_ref())?;
    // Each certificate is passed once, so that a circle ends.
    for _ in 0..others.len() {
        let above = others
            .iter()
            .find(|other| other.subject().as_raw() == last.issuer().as_raw());
        match above {
            Some(above) if above.subject().as_raw() != last.subject().as_raw() => {
                last = above.clone();
            }
            _ => break,
        }
    }
    let name = name(last.issuer());
    let name: String = redact::clean(&name)
        .replace('`', "'")
        .chars()
        .take(LONGEST_NAME)
        .collect();
    Some(name).filter(|name| !name.is_empty())
}

/// The common name, the organisation, or all of it.
fn name(name: &X509Name<'_>) -> String {
    let common = name.iter_common_name().find_map(|part| part.as_str().ok());
    let organisation = name.iter_organization().find_map(|part| part.as_str().ok());
    match common.or(organisation) {
        Some(text) => text.to_owned(),
        None => name.to_string(),
    }
}
