//! `auth login` and `auth logout`: signing in and out as a person.

use serde_json::json;

use super::{Line, LoginLine};
use crate::{
    args::{AuthLoginArgs, AuthLogoutArgs},
    auth::{
        self, CredentialError, Status,
        login::{self, App, Login, LoginStore, Scopes, SignedIn, browser, device},
    },
    commands::context::CommandContext,
    report::{self, ExitReport, Hint},
    settings::{Credential, credential::Flow, edit},
};

/// The tenant of whoever signs in with a work or school account.
const ANY_TENANT: &str = "organizations";

/// What to know before the first login, for those who have no app yet.
const APPS: [&str; 5] = [
    "Microsoft signs people in only for an app that their tenant knows; it takes its id",
    "your own: docs/sign-in.md has a few lines for `az` or PowerShell that register it",
    "Microsoft's own, where the tenant allows it: `Microsoft Graph Command Line Tools`, \
     14d82eec-204b-4c2f-b7e8-296a70dab67e",
    "`--save` remembers app and tenant in the configuration file",
    "graph-attach auth login --client-id APP_ID --tenant TENANT_ID --save",
];

pub(super) async fn run(args: &AuthLoginArgs, context: &CommandContext) -> report::Result<u8> {
    let (settings, printer) = (&context.settings, &context.printer);
    let mut surroundings = auth::Context::of(settings);
    surroundings.keyring = !args.no_keyring;
    let app = app(args, context, &mut surroundings)?;
    let in_browser = match (args.browser, args.device_code, settings.identity.flow) {
        (true, ..) => true,
        (_, true, _) => false,
        (_, _, Some(flow)) => flow == Flow::Browser,
        (_, _, None) => browser::can_open(),
    };
    printer.detail(1, &format!("signing in at {}", surroundings.login_url));
    let signed_in = if in_browser {
        Box::pin(by_browser(&app, &surroundings, context)).await
    } else {
        by_device_code(&app, &surroundings, context).await
    };
    let signed_in = signed_in.map_err(auth::Error::from)?;
    tell(&signed_in, context);
    if args.save {
        save(&app, in_browser, args, context)?;
    }
    if let Some(first) = settings.credentials.sources.first()
        && !matches!(first.value, Credential::SavedLogin(_))
    {
        printer.warn(&format!(
            "{} is set, and goes before the saved login",
            first.origin
        ));
    }
    Ok(report::SUCCESS)
}

async fn by_browser(
    app: &App,
    surroundings: &auth::Context,
    context: &CommandContext,
) -> Result<SignedIn, CredentialError> {
    let printer = &context.printer;
    let pending = browser::begin(app, surroundings).await?;
    if printer.is_json() {
        printer.json(&json!({"type": "browser", "url": pending.url, "port": pending.port}));
    }
    let opened = browser::open(pending.url.clone()).await;
    // Even with `--quiet`: without it nobody could sign in.
    if !printer.is_json() {
        let port = pending.port;
        if opened {
            printer.note("the browser has a page to sign in");
            printer.detail(1, &format!("open {}", pending.url));
        } else {
            printer.say(
                "hint",
                &format!("open {} in a browser on this computer", pending.url),
            );
            printer.say(
                "hint",
                &format!("over ssh, forward the port first: ssh -L {port}:localhost:{port} HOST"),
            );
        }
    }
    Box::pin(pending.finish(browser::PATIENCE)).await
}

async fn by_device_code(
    app: &App,
    surroundings: &auth::Context,
    context: &CommandContext,
) -> Result<SignedIn, CredentialError> {
    let printer = &context.printer;
    let pending = device::begin(app, surroundings).await?;
    if printer.is_json() {
        printer.json(&json!({
            "type": "device_code",
            "page": pending.page,
            "code": pending.code,
            "expires_in": pending.lifetime.as_secs(),
        }));
    } else {
        // Even with `--quiet`: without it nobody could sign in.
        printer.say(
            "hint",
            &format!("open {} and enter the code {}", pending.page, pending.code),
        );
    }
    pending.finish().await
}

fn tell(signed_in: &SignedIn, context: &CommandContext) {
    let printer = &context.printer;
    let SignedIn { token, login, note } = signed_in;
    if printer.is_json() {
        let status = Status::of(token, "the saved login".into(), Vec::new());
        printer.json(&Line {
            r#type: "auth",
            status: &status,
            checked: None,
            login_host: None,
            graph_host: None,
        });
        printer.json(&LoginLine::of(login));
    } else {
        let who = login
            .account
            .as_deref()
            .unwrap_or("somebody the token does not name");
        printer.note(&format!("signed in as {who}"));
        if login.store == LoginStore::Keyring {
            printer.note("the login is sealed with a key in the system's keyring");
        }
    }
    if let Some(note) = note {
        printer.note(note);
    }
}

/// The app and the tenant: by flag, by configuration, as in the login so far.
fn app(
    args: &AuthLoginArgs,
    context: &CommandContext,
    surroundings: &mut auth::Context,
) -> report::Result<App> {
    let identity = &context.settings.identity;
    let earlier = login::current(surroundings);
    let of_earlier = |get: fn(&Login) -> &String| earlier.as_ref().map(|login| get(login).clone());
    for (flag, given, configured) in [
        ("--client-id", &args.client_id, &identity.client_id),
        ("--tenant", &args.tenant, &identity.tenant),
    ] {
        // A login that no later command would take.
        if let (Some(given), Some(configured)) = (given, configured)
            && !given.eq_ignore_ascii_case(configured)
            && !args.save
        {
            let heading =
                format!("`{flag} {given}` is not what the configuration says: `{configured}`");
            return Err(ExitReport::usage(heading).advise(
                "leave it out, use another `--profile`, or change the configuration with `--save`",
            ));
        }
    }
    let client_id = args
        .client_id
        .clone()
        .or_else(|| identity.client_id.clone())
        .or_else(|| of_earlier(|login| &login.client_id));
    let tenant = args
        .tenant
        .clone()
        .or_else(|| identity.tenant.clone())
        .or_else(|| of_earlier(|login| &login.tenant));
    let Some(client_id) = client_id else {
        return Err(
            ExitReport::usage("`auth login` needs the id of an app: `--client-id`")
                .hints(APPS.iter().map(|hint| Hint::from_text(hint))),
        );
    };
    if let Some(login) = &earlier
        && args.client_id.is_none()
        && identity.client_id.is_none()
        && context.settings.login_url.origin == crate::settings::Origin::Default
    {
        surroundings.login_url = login.login_url.clone();
    }
    Ok(App {
        client_id,
        tenant: tenant.unwrap_or_else(|| ANY_TENANT.to_owned()),
        scopes: Scopes::parse(&args.scopes).map_err(auth::Error::from)?,
    })
}

fn save(
    app: &App,
    in_browser: bool,
    args: &AuthLoginArgs,
    context: &CommandContext,
) -> report::Result<()> {
    let settings = &context.settings;
    let Some(path) = &settings.file_place else {
        return Err(
            ExitReport::usage("there is no home directory for a configuration file")
                .advise("name one with `--config FILE`"),
        );
    };
    let mut keys = vec![
        ("client_id", app.client_id.as_str()),
        ("tenant", app.tenant.as_str()),
    ];
    if let Some(url) = &args.login_url {
        keys.push(("login_url", url));
    }
    keys.push(("auth", if in_browser { "browser" } else { "device-code" }));
    let profile = settings.profile.as_ref().map(|name| name.value.as_str());
    edit::remember(path, profile, &keys).map_err(|error| ExitReport::usage(error.to_string()))?;
    context
        .printer
        .note(&format!("remembered in `{}`", path.display()));
    Ok(())
}

pub(super) async fn logout(args: &AuthLogoutArgs, context: &CommandContext) -> report::Result<u8> {
    let surroundings = auth::Context::of(&context.settings);
    let removed = login::logout(&surroundings, args.all)
        .await
        .map_err(auth::Error::from)?;
    if context.printer.is_json() {
        context
            .printer
            .json(&json!({"type": "logout", "removed": removed > 0, "count": removed}));
    } else {
        context.printer.note(&match removed {
            0 => "there was no saved login".to_owned(),
            1 => "the saved login is forgotten".to_owned(),
            several => format!("{several} saved logins are forgotten"),
        });
    }
    Ok(report::SUCCESS)
}
