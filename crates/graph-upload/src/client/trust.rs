//! Which certificates are trusted: the platform's, or those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name instead,
//! and those of a CA file besides.
//!
//! The two variables replace the platform's certificates, as they do for OpenSSL and curl; who sets them is for
//! the caller to say. What companies hand out as a "certificate" is read in every form: PEM with or without a
//! byte order mark, UTF-16, `TRUSTED CERTIFICATE`, DER, several in one file.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    ClientConfig, RootCertStore,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier},
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, pem::PemObject},
    version::{TLS12, TLS13},
};

use super::verifier::{NamingVerifier, NoRoots};

/// A CA file that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot use the CA file `{}`: {why}", path.display())]
pub struct CaFile {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub why: String,
}

/// Where trusted certificates are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trust {
    /// Trusted besides all others: `--ca-file`.
    pub ca_file: Option<PathBuf>,
    /// Instead of the platform's: `SSL_CERT_FILE`.
    pub cert_file: Option<PathBuf>,
    /// Instead of the platform's: the directories of `SSL_CERT_DIR`.
    pub cert_dirs: Vec<PathBuf>,
}

/// Certificates that were read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Roots {
    /// Besides all others.
    added: Vec<CertificateDer<'static>>,
    /// Instead of the platform's.
    instead: Option<Vec<CertificateDer<'static>>>,
}

impl Roots {
    /// Reads what is named: now, so that a wrong file is told at once.
    pub(crate) fn read(trust: &Trust) -> Result<Self, CaFile> {
        let added = trust.ca_file.as_deref().map(read).transpose()?;
        let mut instead: Option<Vec<_>> = trust.cert_file.as_deref().map(read).transpose()?;
        for dir in &trust.cert_dirs {
            instead.get_or_insert_default().extend(read_dir(dir)?);
        }
        if instead.as_ref().is_some_and(Vec::is_empty) {
            return Err(CaFile {
                path: trust.cert_dirs.first().cloned().unwrap_or_default(),
                why: "the directory holds no certificate".to_owned(),
            });
        }
        Ok(Roots {
            added: added.unwrap_or_default(),
            instead,
        })
    }

    /// The TLS settings of every client: 1.2 or later, these certificates, HTTP/1.1.
    pub(crate) fn config(&self) -> Result<ClientConfig, rustls::Error> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = NamingVerifier::new(self.verifier(&provider)?);
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13, &TLS12])?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }

    fn verifier(
        &self,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ServerCertVerifier>, rustls::Error> {
        match &self.instead {
            Some(instead) => of_roots(instead.iter().chain(&self.added).cloned(), provider),
            None => of_platform(&self.added, provider),
        }
    }
}

fn of_roots(
    certificates: impl IntoIterator<Item = CertificateDer<'static>>,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates);
    if roots.is_empty() {
        return Ok(Arc::new(NoRoots));
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), Arc::clone(provider));
    let verifier = verifier.build();
    Ok(verifier.map_err(|error| rustls::Error::General(error.to_string()))?)
}

/// Read without a look at the environment, where an empty `SSL_CERT_FILE` would count as one.
#[cfg(all(unix, not(target_vendor = "apple")))]
fn of_platform(
    added: &[CertificateDer<'static>],
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, rustls::Error> {
    let found = openssl_probe::probe();
    let file = found.cert_file.as_deref();
    // Whichever comes first holds them all on the systems that have several.
    let dir = found.cert_dir.first().map(PathBuf::as_path);
    let platform = rustls_native_certs::load_certs_from_paths(file, dir).certs;
    of_roots(platform.into_iter().chain(added.iter().cloned()), provider)
}

#[cfg(not(all(unix, not(target_vendor = "apple"))))]
fn of_platform(
    added: &[CertificateDer<'static>],
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, rustls::Error> {
    let verifier = rustls_platform_verifier::Verifier::new_with_extra_roots(
        added.iter().cloned(),
        Arc::clone(provider),
    )?;
    Ok(Arc::new(verifier))
}

fn read(path: &Path) -> Result<Vec<CertificateDer<'static>>, CaFile> {
    let wrong = |why: String| CaFile {
        path: path.to_owned(),
        why,
    };
    let bytes = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    certificates(&bytes).map_err(|why| wrong(why.to_owned()))
}

/// As OpenSSL has it: every file in the directory that holds certificates; what else lies there is left.
fn read_dir(dir: &Path) -> Result<Vec<CertificateDer<'static>>, CaFile> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => {
            return Err(CaFile {
                path: dir.to_owned(),
                why: error.to_string(),
            });
        }
    };
    let mut all: Vec<CertificateDer<'static>> = entries
        .filter_map(|entry| std::fs::read(entry.ok()?.path()).ok())
        .filter_map(|bytes| certificates(&bytes).ok())
        .flatten()
        .collect();
    // Under its own name and under its hash.
    all.sort_by(|a, b| a.as_ref().cmp(b.as_ref()));
    all.dedup();
    Ok(all)
}

/// The certificates in a file, or why there are none. Never quotes the file.
fn certificates(bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, &'static str> {
    // DER begins with a sequence of more than 255 bytes.
    if bytes.starts_with(&[0x30, 0x82]) {
        return der(bytes);
    }
    let text = text(bytes);
    if !text.contains("-----BEGIN ") {
        return Err("it is neither PEM nor DER");
    }
    // Blanks around lines come from files in which certificates were pasted; OpenSSL's other labels hold the
    // same, and in one of them more after it.
    let pem: String = text
        .lines()
        .map(|line| {
            line.trim()
                .replace(" TRUSTED CERTIFICATE-", " CERTIFICATE-")
                .replace(" X509 CERTIFICATE-", " CERTIFICATE-")
                + "\n"
        })
        .collect();
    let mut all = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let certificate = certificate.map_err(|_| "its PEM is damaged")?;
        all.push(first(&certificate)?.0);
    }
    match all.is_empty() {
        true if pem.contains("PRIVATE KEY-") => Err("it holds a private key, not a certificate"),
        true => Err("it holds no certificate"),
        false => Ok(all),
    }
}

fn der(mut bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, &'static str> {
    let mut all = Vec::new();
    while !bytes.trim_ascii_start().is_empty() {
        let (certificate, rest) = first(bytes)?;
        all.push(certificate);
        bytes = rest;
    }
    Ok(all)
}

/// The certificate at the beginning, and what follows it.
fn first(bytes: &[u8]) -> Result<(CertificateDer<'static>, &[u8]), &'static str> {
    let (rest, _) = x509_parser::parse_x509_certificate(bytes)
        .map_err(|_| "it holds something that is not a certificate")?;
    let certificate = bytes[..bytes.len() - rest.len()].to_vec();
    Ok((CertificateDer::from(certificate), rest))
}

/// PEM is ASCII; Windows saves it as UTF-8 with a mark or as UTF-16.
fn text(bytes: &[u8]) -> String {
    let units = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes.as_chunks().0.iter().map(|pair| unit(*pair)).collect();
        String::from_utf16_lossy(&units)
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => units(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => units(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A certificate as PEM.
    const PEM: &str = include_str!("../../tests/data/ca.pem");

    fn of(bytes: &[u8]) -> Vec<CertificateDer<'static>> {
        certificates(bytes).unwrap()
    }

    #[test]
    fn every_form_of_a_certificate_is_read() {
        let expected = of(PEM.as_bytes());
        assert_eq!(expected.len(), 1);
        let der = expected[0].to_vec();
        let utf16 = |mark: [u8; 2], bytes: fn(u16) -> [u8; 2]| {
            let text = PEM.encode_utf16().flat_map(bytes);
            mark.into_iter().chain(text).collect::<Vec<u8>>()
        };
        // OpenSSL writes its settings of trust after the certificate, inside the same base64.
        let mut trusted = der.clone();
        trusted.extend([0x30, 0x0c, 0x30, 0x0a, 6, 8, 43, 6, 1, 5, 5, 7, 3, 1]);
        let engine = base64::engine::general_purpose::STANDARD;
        let trusted = base64::Engine::encode(&engine, &trusted);
        for bytes in [
            format!("\u{feff}{PEM}").into_bytes(),
            PEM.replace('\n', "\r\n").into_bytes(),
            PEM.replace('\n', "\n    ").into_bytes(),
            format!("Subject: CN=x\n# comment\n\n{PEM}\ntail").into_bytes(),
            utf16([0xff, 0xfe], u16::to_le_bytes),
            utf16([0xfe, 0xff], u16::to_be_bytes),
            PEM.replace(" CERTIFICATE", " X509 CERTIFICATE").into_bytes(),
            format!("-----BEGIN TRUSTED CERTIFICATE-----\n{trusted}\n-----END TRUSTED CERTIFICATE-----\n")
                .into_bytes(),
            der.clone(),
        ] {
            assert_eq!(of(&bytes), expected, "{}", String::from_utf8_lossy(&bytes));
        }
        assert_eq!(of(format!("{PEM}{PEM}").as_bytes()).len(), 2);
        assert_eq!(of(&[&der[..], &der].concat()).len(), 2);
    }

    #[test]
    fn what_is_not_a_certificate_is_told_and_not_quoted() {
        let key = "-----BEGIN PRIVATE KEY-----\nMAo=\n-----END PRIVATE KEY-----\n";
        for (bytes, why) in [
            (&b""[..], "neither PEM nor DER"),
            (b"secret", "neither PEM nor DER"),
            (b"-----BEGIN CERTIFICATE-----\n!secret\n", "damaged"),
            (
                b"-----BEGIN CERTIFICATE-----\nc2VjcmV0\n-----END CERTIFICATE-----\n",
                "not a certificate",
            ),
            (key.as_bytes(), "a private key"),
            (b"0\x82\x01\x00secret", "not a certificate"),
        ] {
            let error = certificates(bytes).unwrap_err();
            assert!(error.contains(why), "{why}: {error}");
        }
    }

    #[test]
    fn files_are_read_at_once_or_refused() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("ca.pem");
        let added = |path: &Path| Trust {
            ca_file: Some(path.to_owned()),
            ..Trust::default()
        };
        for text in [None, Some(""), Some("no PEM")] {
            if let Some(text) = text {
                std::fs::write(&path, text).unwrap();
            }
            let error = Roots::read(&added(&path)).unwrap_err();
            assert!(error.to_string().contains("ca.pem"), "{error}");
        }
        std::fs::write(&path, PEM).unwrap();
        let roots = Roots::read(&added(&path)).unwrap();
        assert!(roots.added.len() == 1 && roots.instead.is_none());

        std::fs::write(home.path().join("hash.0"), PEM).unwrap();
        std::fs::write(home.path().join("README"), "no certificate").unwrap();
        let missing = home.path().join("missing");
        let instead = |dirs: &[&Path]| Trust {
            cert_dirs: dirs.iter().map(|dir| dir.to_path_buf()).collect(),
            ..Trust::default()
        };
        let roots = Roots::read(&instead(&[&missing, home.path()])).unwrap();
        assert_eq!(roots.instead.map(|roots| roots.len()), Some(1));
        assert!(Roots::read(&instead(&[&missing])).is_err());
    }
}
