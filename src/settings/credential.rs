//! What the configuration says about credentials, as it says it: nothing here is tried or read.
//!
//! The order of a list of these is the order of precedence. Which one is used, and whether it can
//! be, is for `auth` to decide, and only by a command that needs a token.

use std::{ffi::OsString, fmt, path::PathBuf};

use graph_upload::redact;
use secrecy::{ExposeSecret, SecretSlice};

use super::Sourced;

/// A secret as the environment or a file holds it. `Debug` hides it, and there is no `Display`.
#[derive(Clone)]
pub struct Secret(SecretSlice<u8>);

impl Secret {
    /// Takes a secret over, which texts from outside are cleaned of from now on.
    pub fn new(text: impl Into<OsString>) -> Self {
        let text = text.into();
        if let Some(text) = text.to_str() {
            redact::register(text);
        }
        Secret(text.into_encoded_bytes().into())
    }

    /// The bytes, for the one who reads what they mean.
    pub(crate) fn reveal(&self) -> &[u8] {
        self.0.expose_secret()
    }
}

/// For the comparison of settings; the time that it takes is of use to nobody.
impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.reveal() == other.reveal()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A command that prints a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandLine {
    /// One line, to be split into words as a shell would.
    Line(OsString),
    /// Words already.
    Words(Vec<String>),
}

/// How an app or a workload proves to the login host who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// A client secret.
    ClientSecret,
    /// A certificate of the app, and the key to it.
    ClientCertificate,
    /// A token of the platform (Kubernetes, GitHub Actions) that the tenant trusts.
    WorkloadIdentity,
    /// An identity that Azure gives to the machine.
    ManagedIdentity,
}

impl Method {
    /// The name in the configuration file.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::ClientSecret => "client-secret",
            Method::ClientCertificate => "client-certificate",
            Method::WorkloadIdentity => "workload-identity",
            Method::ManagedIdentity => "managed-identity",
        }
    }
}

/// How a person signs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// In a browser on this computer.
    Browser,
    /// By a code to enter on any device.
    DeviceCode,
}

/// The parts of an Entra identity, as far as they are set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// Tenant: an id or a domain.
    pub tenant: Option<String>,
    /// The app's (client's) id.
    pub client_id: Option<String>,
    /// The client secret itself.
    pub client_secret: Option<Secret>,
    /// A file that holds the client secret.
    pub client_secret_file: Option<PathBuf>,
    /// A PEM file that holds the app's certificate and its key.
    pub client_certificate_file: Option<PathBuf>,
    /// How the person signs in, if the file says so.
    pub flow: Option<Flow>,
    /// The file in which the platform keeps its token for the workload.
    pub federated_token_file: Option<PathBuf>,
    /// The address of the metadata service, where it is not the usual one.
    pub metadata_host: Option<String>,
}

/// A way to get a token, as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// Read the token from standard input, once.
    Stdin,
    /// Read the token from a file, anew every time.
    File(PathBuf),
    /// Run a command that prints the token.
    Command(CommandLine),
    /// The token itself.
    Literal(Secret),
    /// Sign in as an app or a workload.
    Entra(Method, Identity),
    /// Use the saved login of this app in this tenant.
    SavedLogin(Identity),
}

/// Some of the `AZURE_*` variables, but not enough of them: no source, and perhaps a mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HalfAzure {
    /// The names that are set; at least one.
    pub set: Vec<&'static str>,
    /// What is missing, in words.
    pub missing: Vec<&'static str>,
}

/// Everything that the configuration says about credentials.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    /// Every way that is set, in order of precedence.
    pub sources: Vec<Sourced<Credential>>,
    /// An incomplete set of `AZURE_*` variables.
    pub half_azure: Option<HalfAzure>,
}
