//! The certificate for `tls`: an authority and a leaf for loopback, made at start, gone at the end.

use std::{io, io::Write, path::Path, sync::Arc};

use jiff::{Span, Zoned};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tempfile::NamedTempFile;
use tokio_rustls::TlsAcceptor;

use crate::options::Options;

/// Longer than anyone lets it run, and far below the 825 days that Apple's verifier allows.
const VALID_DAYS: i64 = 30;

/// What serving https needs.
pub(crate) struct Tls {
    pub(crate) acceptor: TlsAcceptor,
    authority: NamedTempFile,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls")
            .field("authority", &self.authority.path())
            .finish_non_exhaustive()
    }
}

impl Tls {
    /// Makes the certificates. The authority's key is forgotten at once, so nothing else can be
    /// signed by what clients are told to trust.
    pub(crate) fn new(options: &Options) -> io::Result<Self> {
        let (pem, chain, key) = certificates(options).map_err(io::Error::other)?;
        // The provider is named: with none installed, rustls may not be able to choose.
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
            .map_err(io::Error::other)?;
        let mut authority = tempfile::Builder::new()
            .prefix("graph-attach-sandbox-")
            .suffix(".pem")
            .tempfile()?;
        authority.write_all(pem.as_bytes())?;
        authority.flush()?;
        Ok(Tls {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            authority,
        })
    }

    /// The file with the authority's certificate; readable by its owner only, gone when dropped.
    pub(crate) fn authority(&self) -> &Path {
        self.authority.path()
    }
}

type Certificates = (
    String,
    Vec<rustls::pki_types::CertificateDer<'static>>,
    PrivateKeyDer<'static>,
);

/// The names: loopback, what was allowed, and Microsoft's own, for clients that have them built in. Nobody else
/// trusts this authority, and its key is gone.
fn names(options: &Options) -> Vec<String> {
    let mut names: Vec<String> = [
        "127.0.0.1",
        "::1",
        "localhost",
        "graph.microsoft.com",
        "outlook.office.com",
        "outlook.office365.com",
        "login.microsoftonline.com",
    ]
    .map(str::to_owned)
    .to_vec();
    if !options.host.is_unspecified() && !options.host.is_loopback() {
        names.push(options.host.to_string());
    }
    names.extend(options.allow_hosts.iter().cloned());
    names
}

fn certificates(options: &Options) -> Result<Certificates, rcgen::Error> {
    let day = |days: i64| {
        let day = Zoned::now().saturating_add(Span::new().days(days));
        let number = |value: i8| u8::try_from(value).unwrap_or(1);
        rcgen::date_time_ymd(day.year().into(), number(day.month()), number(day.day()))
    };
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params
        .distinguished_name
        .push(DnType::CommonName, "graph-attach sandbox authority");
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = day(-1);
    params.not_after = day(VALID_DAYS);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;

    let mut params = CertificateParams::new(names(options))?;
    params
        .distinguished_name
        .push(DnType::CommonName, "localhost");
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.not_before = day(-1);
    params.not_after = day(VALID_DAYS);
    let key = KeyPair::generate()?;
    let leaf = params.signed_by(&key, &authority)?;
    let chain = vec![leaf.der().clone()];
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    Ok((authority.pem(), chain, key))
}
