//! `auth`: which credentials are in use, signing in, signing out.

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
    terminal::Printer,
};

pub(super) async fn run(command: &AuthCommand, context: &CommandContext) -> anyhow::Result<u8> {
    match command {
        AuthCommand::Status(args) => status(args, context).await,
        #[cfg(feature = "login")]
        AuthCommand::Login(args) => login::run(args, context).await,
        #[cfg(feature = "login")]
        AuthCommand::Logout => login::logout(context).await,
    }
}

async fn status(args: &AuthStatusArgs, context: &CommandContext) -> anyhow::Result<u8> {
    let settings = &context.settings;
    let provider = Provider::of(settings)?;
    let issued = provider.issued().await?;
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
                .clients(None)?
                .graph(Ok(provider))
                .reading()
                .probe(mailbox)
                .await,
        )
    } else {
        None
    };
    let good = checked.as_ref().map(Result::is_ok);
    if context.printer.options().json {
        context.printer.json(&Line {
            r#type: "auth",
            status: &status,
            checked: good,
        });
    } else {
        show(&status, good, now, &context.printer);
    }
    if let Some(Err(error)) = checked {
        let what = "the service was asked".to_owned();
        return Err(report::Request {
            what,
            error,
            item: None,
        }
        .into());
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
    match explain::objection(claims, settings.cloud.value, &settings.endpoint.value, true) {
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
}

#[cfg(feature = "login")]
mod login {
    //! Signing in and out as a person.

    use serde_json::json;

    use super::{Line, auth::device, *};
    use crate::args::AuthLoginArgs;

    pub(super) async fn run(args: &AuthLoginArgs, context: &CommandContext) -> anyhow::Result<u8> {
        let (settings, printer) = (&context.settings, &context.printer);
        let app = app(args, context)?;
        let surroundings = auth::Context::of(settings);
        let pending = device::begin(&app, &surroundings)
            .await
            .map_err(auth::Error::from)?;
        if printer.options().json {
            printer.json(&json!({
                "type": "device_code",
                "page": pending.page,
                "code": pending.code,
                "expires_in": pending.lifetime.as_secs(),
            }));
        } else {
            // Even with `--quiet`: without it nobody could sign in.
            printer.hint(&format!(
                "open {} and enter the code {}",
                pending.page, pending.code
            ));
        }
        let issued = pending.finish().await.map_err(auth::Error::from)?;
        let status = Status::of(&issued, "the saved login".into(), Vec::new());
        if printer.options().json {
            printer.json(&Line {
                r#type: "auth",
                status: &status,
                checked: None,
            });
        } else {
            let who = status
                .account
                .as_deref()
                .unwrap_or("somebody the token does not name");
            printer.note(&format!("signed in as {who}"));
        }
        if let Some(first) = settings.credentials.ways.first() {
            let own = matches!(first.value, crate::settings::Credential::DeviceCode(_));
            if !own {
                printer.warn(&format!(
                    "{} is set, and goes before the saved login",
                    first.origin
                ));
            }
        }
        Ok(report::SUCCESS)
    }

    fn app(args: &AuthLoginArgs, context: &CommandContext) -> Result<device::App, auth::Error> {
        let identity = &context.settings.identity;
        let client_id = args
            .client_id
            .clone()
            .or_else(|| identity.client_id.clone());
        let tenant = args.tenant.clone().or_else(|| identity.tenant.clone());
        match (client_id, tenant) {
            (Some(client_id), Some(tenant)) => Ok(device::App { client_id, tenant }),
            (client_id, tenant) => {
                let mut missing = Vec::new();
                if client_id.is_none() {
                    missing.push("`--client-id`");
                }
                if tenant.is_none() {
                    missing.push("`--tenant`");
                }
                Err(auth::Problem::Incomplete {
                    method: "auth login",
                    missing,
                }
                .into())
            }
        }
    }

    pub(super) async fn logout(context: &CommandContext) -> anyhow::Result<u8> {
        let removed = device::logout(&auth::Context::of(&context.settings))
            .await
            .map_err(auth::Error::from)?;
        if context.printer.options().json {
            context
                .printer
                .json(&json!({"type": "logout", "removed": removed}));
        } else {
            context.printer.note(if removed {
                "the saved login is forgotten"
            } else {
                "there was no saved login"
            });
        }
        Ok(report::SUCCESS)
    }
}
