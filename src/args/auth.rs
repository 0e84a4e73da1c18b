//! `auth`: which credentials are in use, signing in, signing out.

use clap::{Args, Subcommand};

/// Say who you are to the service, sign in, sign out.
#[derive(Debug, Args)]
#[command(long_about = "\
Examples:
  graph-attach auth status                                      which credentials are in use
  graph-attach auth status --check                              and whether the service takes them
  graph-attach auth login --client-id APP_ID --tenant TENANT    sign in with a browser
  graph-attach auth login --scopes send                         and be allowed to send
  graph-attach auth logout --all

Say which credentials are in use; sign in as a person; sign out. There is one login for each profile.")]
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
    /// Sign in as a person: in a browser here, or by a code to enter on another device
    #[cfg(feature = "login")]
    #[command(long_about = "\
Examples:
  graph-attach auth login --client-id APP_ID --tenant contoso.onmicrosoft.com --save
  graph-attach auth login --profile work
  graph-attach auth login --scopes send
  graph-attach auth login --device-code
  graph-attach --cloud china auth login --client-id APP_ID --tenant TENANT

Sign in as a person: opens the browser, or, where there is none, prints a page and a code to enter \
there on any device. The login is the profile's, is renewed by itself, and is kept until \
`graph-attach auth logout`: with the system's keyring where there is one, else in the state directory.

APP_ID is an app registration of your own: a public client with the redirect URI http://localhost. How \
to register one with a few lines is in docs/sign-in.md. Without `--scopes` the login may attach to \
messages (Mail.ReadWrite); a login again with `--scopes` adds to what it may do.")]
    Login(AuthLoginArgs),
    /// Forget the saved login
    #[cfg(feature = "login")]
    #[command(long_about = "\
Examples:
  graph-attach auth logout
  graph-attach auth logout --profile work
  graph-attach auth logout --all

Forget the saved login. Tokens that were already given out stay good until they end.")]
    Logout(AuthLogoutArgs),
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
    /// Sign in in a browser on this computer, even where none seems to be there: a link is printed
    #[arg(long, conflicts_with = "device_code")]
    pub browser: bool,

    /// Sign in by a code to enter in a browser on any device
    #[arg(long)]
    pub device_code: bool,

    /// Application (client) id of your app registration
    #[arg(long, value_name = "APP_ID")]
    pub client_id: Option<String>,

    /// Tenant: its id or a domain of it
    #[arg(long, value_name = "TENANT")]
    pub tenant: Option<String>,

    /// Login host, where it is not the cloud's own
    #[arg(long, value_name = "URL", value_hint = clap::ValueHint::Url)]
    pub login_url: Option<String>,

    /// What the login is to be good for: mail, events, send, shared, or Graph's own names
    #[arg(long, value_name = "SCOPE", value_delimiter = ',')]
    pub scopes: Vec<String>,

    /// Remember app, tenant and login host in the configuration file
    #[arg(long)]
    pub save: bool,

    /// Keep the login in a file of the state directory, even where the system has a keyring
    #[arg(long)]
    pub no_keyring: bool,
}

/// `auth logout`.
#[cfg(feature = "login")]
#[derive(Debug, Args)]
pub struct AuthLogoutArgs {
    /// Forget the logins of all profiles
    #[arg(long)]
    pub all: bool,
}
