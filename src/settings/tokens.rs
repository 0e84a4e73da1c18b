//! Lists the configured sources of tokens, in their order of precedence. Tries none of them.
//!
//! The order: the token flags, `GRAPH_ATTACH_TOKEN`, `…_TOKEN_FILE`, `…_TOKEN_COMMAND`, the
//! configuration file, a complete set of `AZURE_*` variables. A saved login comes after all of
//! these, and is `auth`'s to find.

use std::path::PathBuf;

use super::{
    Error, Flags, Origin, Sourced,
    credential::{CommandLine, Credential, Credentials, HalfAzure, Identity, Method, Secret},
    file::{Auth, Table},
    layers::{Layers, set},
};

/// The variables of an Entra identity, under the names that Microsoft's own libraries use.
const TENANT: &str = "AZURE_TENANT_ID";
const CLIENT: &str = "AZURE_CLIENT_ID";
const SECRET: &str = "AZURE_CLIENT_SECRET";
const CERTIFICATE: &str = "AZURE_CLIENT_CERTIFICATE_PATH";
const FEDERATED: &str = "AZURE_FEDERATED_TOKEN_FILE";
/// The metadata service of AKS pod identity and of tests.
const METADATA: &str = "AZURE_POD_IDENTITY_AUTHORITY_HOST";

/// Every way that is set, the one that wins first.
pub(super) fn candidates(flags: &Flags, layers: &Layers<'_>) -> Result<Credentials, Error> {
    let mut found = Vec::new();
    found.extend(flag(flags)?);
    // A set but empty variable counts here, unlike elsewhere: `GRAPH_ATTACH_TOKEN=$(az …)` that
    // went wrong must be an error, not a reason to sign in as somebody else.
    let mut env = |name: &'static str, make: fn(std::ffi::OsString) -> Credential| {
        found.extend(
            layers
                .around
                .env(name)
                .map(|value| Sourced::new(make(value), Origin::Env(name))),
        );
    };
    env("GRAPH_ATTACH_TOKEN", |value| {
        Credential::Literal(Secret::new(value))
    });
    env("GRAPH_ATTACH_TOKEN_FILE", |value| {
        Credential::File(value.into())
    });
    env("GRAPH_ATTACH_TOKEN_COMMAND", |value| {
        Credential::Command(CommandLine::Line(value))
    });
    for (origin, table) in layers.tables() {
        found.extend(from_table(origin, table, layers)?);
    }
    let (complete, half_azure) = azure(layers)?;
    found.extend(complete);
    Ok(Credentials {
        sources: found,
        half_azure,
    })
}

fn flag(flags: &Flags) -> Result<Option<Sourced<Credential>>, Error> {
    Ok(match (&flags.token_file, &flags.token_command) {
        (Some(_), Some(_)) => return Err(Error::TwoTokenFlags),
        (Some(path), None) => {
            let credential = if path.as_os_str() == "-" {
                Credential::Stdin
            } else {
                Credential::File(path.clone())
            };
            Some(Sourced::new(credential, Origin::Flag("--token-file")))
        }
        (None, Some(line)) => Some(Sourced::new(
            Credential::Command(CommandLine::Line(line.into())),
            Origin::Flag("--token-command"),
        )),
        (None, None) => None,
    })
}

fn from_table(
    origin: Origin,
    table: &Table,
    layers: &Layers<'_>,
) -> Result<Option<Sourced<Credential>>, Error> {
    let mut sources = Vec::new();
    if let Some(line) = &table.token_command {
        sources.push(("token_command", Credential::Command(line.clone())));
    }
    if let Some(path) = &table.token_file {
        sources.push(("token_file", Credential::File(path.clone())));
    }
    if let Some(token) = &table.token {
        sources.push(("token", Credential::Literal(token.clone())));
    }
    match table.auth {
        Some(Auth::Entra(method)) => {
            sources.push((
                "auth",
                Credential::Entra(method, filled(layers.identity(), layers)?),
            ));
        }
        // How a person signed in does not matter once they have.
        Some(Auth::Browser | Auth::DeviceCode) => {
            sources.push(("auth", Credential::SavedLogin(layers.identity())));
        }
        None => {}
    }
    if sources.len() > 1 {
        let keys = sources.into_iter().map(|(key, _)| key).collect();
        return Err(Error::SeveralSources { origin, keys });
    }
    Ok(sources
        .pop()
        .map(|(_, credential)| Sourced::new(credential, origin)))
}

fn text(layers: &Layers<'_>, name: &'static str) -> Result<Option<String>, Error> {
    let value = set(layers.around, name).map(|value| value.into_string());
    value.transpose().map_err(|_| Error::NotText(name))
}

/// The environment's parts for what the file leaves open. The file goes first: a profile names
/// *this* identity, while `AZURE_*` may be there for other tools.
fn filled(mut identity: Identity, layers: &Layers<'_>) -> Result<Identity, Error> {
    if identity.tenant.is_none() {
        identity.tenant = text(layers, TENANT)?;
    }
    if identity.client_id.is_none() {
        identity.client_id = text(layers, CLIENT)?;
    }
    if identity.client_secret.is_none() && identity.client_secret_file.is_none() {
        identity.client_secret = set(layers.around, SECRET).map(Secret::new);
    }
    if identity.client_certificate_file.is_none() {
        identity.client_certificate_file = set(layers.around, CERTIFICATE).map(PathBuf::from);
    }
    if identity.federated_token_file.is_none() {
        identity.federated_token_file = set(layers.around, FEDERATED).map(PathBuf::from);
    }
    identity.metadata_host = text(layers, METADATA)?;
    Ok(identity)
}

type Azure = (Option<Sourced<Credential>>, Option<HalfAzure>);

fn azure(layers: &Layers<'_>) -> Result<Azure, Error> {
    let names = [TENANT, CLIENT, SECRET, FEDERATED];
    let set: Vec<_> = names
        .into_iter()
        .filter(|name| set(layers.around, name).is_some())
        .collect();
    if set.is_empty() {
        return Ok((None, None));
    }
    let has = |name| set.contains(&name);
    let method = if has(SECRET) {
        Method::ClientSecret
    } else {
        Method::WorkloadIdentity
    };
    if has(TENANT) && has(CLIENT) && (has(SECRET) || has(FEDERATED)) {
        let identity = filled(Identity::default(), layers)?;
        let last = if has(SECRET) { SECRET } else { FEDERATED };
        let complete = Sourced::new(Credential::Entra(method, identity), Origin::Env(last));
        return Ok((Some(complete), None));
    }
    let mut missing: Vec<_> = [TENANT, CLIENT]
        .into_iter()
        .filter(|name| !has(name))
        .collect();
    if !has(SECRET) && !has(FEDERATED) {
        missing.push("AZURE_CLIENT_SECRET or AZURE_FEDERATED_TOKEN_FILE");
    }
    Ok((None, Some(HalfAzure { set, missing })))
}
