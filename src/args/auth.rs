//! `auth`: which credentials are in use, signing in, signing out.

use clap::{Args, Subcommand};

/// Say who you are to the service, sign in, sign out.
#[derive(Debug, Args)]
#[command(long_about = "\
Examples:
  graph-attach auth status                                      which credentials are in use
  graph-attach auth status --check                              and whether the service takes them
  graph-attach auth login --client-id APP_ID --tenant TENANT    sign in with a browser
  graph-attach auth logout

Say which credentials are in use; sign in as a person by device code; sign out.")]
pub struct AuthArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: AuthCommand,
}

/// The commands of `auth`.
#[derive(Debug, Subcommand)]
pub enum AuthCommand {
    /// Say which credentials are in use: source, account or app, tenant, permissions, expiry
    #[command(long_about = "\
Examples:
  graph-attach auth status
  graph-attach auth status --check
  graph-attach auth status --json | jq -r .expires

Say which credentials are in use: source, account or app, tenant, permissions, expiry. The token \
itself is never shown. What it says of itself is read, not verified; `--check` asks the service.")]
    Status(AuthStatusArgs),
    /// Sign in as a person: enter a code in a browser, here or on another device
    #[cfg(feature = "login")]
    #[command(long_about = "\
Examples:
  graph-attach auth login --client-id APP_ID --tenant contoso.onmicrosoft.com
  graph-attach auth login --profile work
  graph-attach --cloud china auth login --client-id APP_ID --tenant TENANT

Sign in as a person: prints a page and a code to enter there, in any browser on any device. The \
login is kept in the state directory and renewed by itself until `graph-attach auth logout`.

APP_ID is an app registration of your own: a public client with the delegated permissions \
Mail.ReadWrite, Calendars.ReadWrite and Mail.Send.")]
    Login(AuthLoginArgs),
    /// Forget the saved login
    #[cfg(feature = "login")]
    #[command(long_about = "\
Examples:
  graph-attach auth logout
  graph-attach auth logout --profile work
  graph-attach --config other.toml auth logout

Forget the saved login. Tokens that were already given out go on being good until they end.")]
    Logout,
}

/// `auth status`.
#[derive(Debug, Args)]
pub struct AuthStatusArgs {
    /// Ask the service whether it takes the token
    #[arg(long)]
    pub check: bool,
}

/// `auth login`.
#[cfg(feature = "login")]
#[derive(Debug, Args)]
pub struct AuthLoginArgs {
    /// Application (client) id of your app registration
    #[arg(long, value_name = "APP_ID")]
    pub client_id: Option<String>,

    /// Tenant: its id or a domain of it
    #[arg(long, value_name = "TENANT")]
    pub tenant: Option<String>,

    /// Login host, where it is not the cloud's own
    #[arg(long, value_name = "URL", value_hint = clap::ValueHint::Url)]
    pub login_url: Option<String>,
}
