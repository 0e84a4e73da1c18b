//! `auth`: which credentials are in use, signing in, signing out.

#[cfg(feature = "login")]
mod login;

use jiff::Timestamp;
use serde::Serialize;

use super::context::CommandContext;
use crate::{
    args::{AuthCommand, AuthStatusArgs},
    auth::{
        self, Claims, Provider, Status,
        explain::{self, Explanation},
    },
    report,
    settings::Sourced,
    terminal::Printer,
};

pub(super) async fn run(command: &AuthCommand, context: &CommandContext) -> report::Result<u8> {
    match command {
        AuthCommand::Status(args) => status(args, context).await,
        #[cfg(feature = "login")]
        AuthCommand::Login(args) => Box::pin(login::run(args, context)).await,
        #[cfg(feature = "login")]
        AuthCommand::Logout(args) => login::logout(args, context).await,
    }
}

async fn status(args: &AuthStatusArgs, context: &CommandContext) -> report::Result<u8> {
    let settings = &context.settings;
    let found = match Provider::of(settings) {
        Ok(provider) => provider.issued().await.map(|issued| (issued, provider)),
        Err(error) => Err(error),
    };
    let (issued, provider) = match found {
        Ok(found) => found,
        Err(error) => {
            logins(context)?;
            return Err(error.into());
        }
    };
    for note in provider.take_notes().await {
        context.printer.warn(&note);
    }
    let ignored = provider.ignored().iter().map(ToString::to_string).collect();
    let status = Status::of(&issued, provider.origin().to_string(), ignored);
    let now = Timestamp::now();
    let claims = Claims::of(&issued.token).unwrap_or_default();
    let checked = if args.check {
        let mailbox = settings
            .mailbox
            .as_ref()
            .map(|mailbox| mailbox.value.as_str());
        Some(
            context
                .clients()?
                .graph(Ok(provider))
                .reading()
                .probe(mailbox)
                .await,
        )
    } else {
        None
    };
    let good = checked.as_ref().map(Result::is_ok);
    if context.printer.is_json() {
        context.printer.json(&Line {
            r#type: "auth",
            status: &status,
            checked: good,
            login_host: settings.login_url.value.host_str(),
            graph_host: settings.endpoint.value.host_str(),
        });
    } else {
        show(&status, good, now, &context.printer);
        let host = |name: &str, url: &Sourced<url::Url>| {
            let host = url.value.host_str().unwrap_or_default();
            context
                .printer
                .row(&[name, host, &format!("({})", url.origin)]);
        };
        host("graph host", &settings.endpoint);
        host("login host", &settings.login_url);
    }
    logins(context)?;
    if let Some(Err(error)) = checked {
        let report = report::service(&error, None, "the service was asked");
        return Err(report);
    }
    if good.is_none() {
        unfit(&status, &claims, context, now)?;
    }
    Ok(report::SUCCESS)
}

/// What can be told without asking the service: an end that has passed, another API or cloud.
fn unfit(
    status: &Status,
    claims: &Claims,
    context: &CommandContext,
    now: Timestamp,
) -> Result<(), auth::Error> {
    if let Some(end) = status.expires.filter(|end| *end <= now) {
        let ago = explain::Span::between(end, now);
        return Err(auth::Error::Explained(Explanation {
            sentence: format!("the token expired {ago} ago"),
            hints: vec![format!("get a new token from {}", status.source)],
        }));
    }
    let settings = &context.settings;
    // Nobody has said yet whose mailbox it is for, so that `/me` is no objection here.
    match explain::preflight(claims, settings.cloud.value, &settings.endpoint.value, true) {
        Some(objection) => Err(objection.into()),
        None => Ok(()),
    }
}

fn show(status: &Status, checked: Option<bool>, now: Timestamp, printer: &Printer) {
    let row = |name: &str, value: &str| printer.row(&[name, value]);
    row("source", &status.source);
    for ignored in &status.ignored {
        row("ignored", ignored);
    }
    let optional = |name: &str, value: &Option<String>| {
        if let Some(value) = value {
            row(name, value);
        }
    };
    row("kind", status.kind);
    optional("account", &status.account);
    optional("app", &status.app);
    optional("app id", &status.app_id);
    optional("tenant", &status.tenant);
    optional("audience", &status.audience);
    let list = |name: &str, values: &[String]| {
        if !values.is_empty() {
            row(name, &values.join(" "));
        }
    };
    list("scopes", &status.scopes);
    list("roles", &status.roles);
    if let Some(end) = status.expires {
        let when = if end <= now {
            format!("{} ago", explain::Span::between(end, now))
        } else {
            format!("in {}", explain::Span::between(now, end))
        };
        row("expires", &format!("{end} ({when})"));
    }
    if let Some(good) = checked {
        row(
            "checked",
            if good {
                "the service takes the token"
            } else {
                "the service refuses"
            },
        );
    }
}

/// A status as a line of JSON.
#[derive(Serialize)]
struct Line<'a> {
    r#type: &'static str,
    #[serde(flatten)]
    status: &'a Status,
    /// Whether the service takes the token; `null` when it was not asked.
    checked: Option<bool>,
    /// Who gets the login's secrets.
    #[serde(skip_serializing_if = "Option::is_none")]
    login_host: Option<&'a str>,
    /// Who gets the token.
    #[serde(skip_serializing_if = "Option::is_none")]
    graph_host: Option<&'a str>,
}

/// A saved login as a line of JSON.
#[cfg(feature = "login")]
#[derive(Serialize)]
struct LoginLine<'a> {
    r#type: &'static str,
    profile: Option<&'a str>,
    account: Option<&'a str>,
    tenant: &'a str,
    client_id: &'a str,
    store: auth::login::LoginStore,
    expires: Option<Timestamp>,
}

#[cfg(feature = "login")]
impl<'a> LoginLine<'a> {
    fn of(login: &'a auth::login::Login) -> Self {
        LoginLine {
            r#type: "login",
            profile: login.profile.as_deref(),
            account: login.account.as_deref(),
            tenant: login.tenant_id.as_deref().unwrap_or(&login.tenant),
            client_id: &login.client_id,
            store: login.store,
            expires: login.expires,
        }
    }
}

/// Every saved login, whichever is in use.
#[cfg(feature = "login")]
fn logins(context: &CommandContext) -> Result<(), auth::Error> {
    let printer = &context.printer;
    for login in auth::login::all(&auth::Context::of(&context.settings))? {
        if printer.is_json() {
            printer.json(&LoginLine::of(&login));
        } else {
            let line = LoginLine::of(&login);
            printer.row(&[
                "login",
                line.profile.unwrap_or("(no profile)"),
                line.account.unwrap_or("(unknown account)"),
                line.tenant,
                match login.store {
                    auth::login::LoginStore::File => "file",
                    auth::login::LoginStore::Keyring => "keyring",
                },
            ]);
        }
    }
    Ok(())
}

#[cfg(not(feature = "login"))]
fn logins(_: &CommandContext) -> Result<(), auth::Error> {
    Ok(())
}
