//! What a login asks for: permissions by short names or by Graph's own. Pure.

use crate::{auth::CredentialError, settings::Cloud};

/// Short names, and the delegated permissions that they stand for.
const NAMES: &[(&str, &[&str])] = &[
    ("mail", &["Mail.ReadWrite"]),
    ("events", &["Calendars.ReadWrite"]),
    ("send", &["Mail.Send"]),
    (
        "shared",
        &["Mail.ReadWrite.Shared", "Calendars.ReadWrite.Shared"],
    ),
];

/// What a login without a wish asks for: as much as attaching to a message needs.
const LEAST: &str = "mail";

/// All that the app's registration lists, for tenants where people cannot consent themselves.
const ALL: &str = ".default";

/// For a refresh token, and for the name of the account.
const ALWAYS: &str = "offline_access openid profile";

/// The permissions that a login asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scopes(Vec<String>);

impl Default for Scopes {
    fn default() -> Self {
        Scopes(named(LEAST).unwrap_or_default())
    }
}

impl Scopes {
    /// Reads names as `--scopes` has them; none at all is the least.
    ///
    /// # Errors
    /// When a name is neither a short one nor written as a permission.
    pub fn parse(names: &[String]) -> Result<Self, CredentialError> {
        let mut found = Scopes(Vec::new());
        for name in names {
            let name = name.trim();
            if name.is_empty() {
                continue;
            }
            match named(name) {
                Some(several) => several.into_iter().for_each(|scope| found.add(scope)),
                None if is_permission(name) => found.add(name.to_owned()),
                None => return Err(CredentialError::Scope(name.to_owned())),
            }
        }
        if found.0.is_empty() {
            return Ok(Scopes::default());
        }
        found.check()
    }

    /// The same and those of an earlier login, as its request had them.
    pub(super) fn and(mut self, earlier: &str) -> Self {
        let all = |scopes: &Scopes| scopes.0.iter().any(|scope| scope == ALL);
        // Whoever had all, and wishes nothing, still has all.
        if self == Scopes::default() && earlier.contains("/.default") {
            return Scopes(vec![ALL.to_owned()]);
        }
        for scope in earlier.split(' ') {
            let name = scope.rsplit('/').next().unwrap_or_default();
            let ours = !ALWAYS.split(' ').any(|always| always == scope);
            // Entra does not take `.default` beside others; the wish is newer.
            if ours && name != ALL && !all(&self) && is_permission(name) {
                self.add(name.to_owned());
            }
        }
        self
    }

    /// As a request has them, for the cloud's Graph.
    pub(super) fn request(&self, cloud: &Cloud) -> String {
        let mut all: Vec<_> = self
            .0
            .iter()
            .map(|scope| format!("{}/{scope}", cloud.graph))
            .collect();
        all.push(ALWAYS.to_owned());
        all.join(" ")
    }

    fn add(&mut self, scope: String) {
        if !self.0.iter().any(|have| have.eq_ignore_ascii_case(&scope)) {
            self.0.push(scope);
        }
    }

    fn check(self) -> Result<Self, CredentialError> {
        if self.0.len() > 1 && self.0.iter().any(|scope| scope == ALL) {
            return Err(CredentialError::Scope(ALL.to_owned()));
        }
        Ok(self)
    }
}

/// The short name, or else the permission itself, to ask for a permission with.
pub(in crate::auth) fn short(permission: &str) -> &str {
    let single = NAMES
        .iter()
        .find(|(_, scopes)| matches!(scopes, [one] if *one == permission));
    match (single, permission) {
        (Some((name, _)), _) => name,
        (None, "Mail.Read" | "Mail.ReadBasic") => "mail",
        (None, "Calendars.Read" | "Calendars.ReadBasic") => "events",
        (None, _) => permission,
    }
}

fn named(name: &str) -> Option<Vec<String>> {
    NAMES
        .iter()
        .find(|(short, _)| short.eq_ignore_ascii_case(name))
        .map(|(_, scopes)| scopes.iter().copied().map(String::from).collect())
}

/// `Mail.ReadWrite`, `Mail.Send.Shared`, `.default`: words with dots between.
fn is_permission(name: &str) -> bool {
    name == ALL
        || (name.contains('.')
            && name.split('.').all(|word| {
                !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            }))
}

/// The short names, for a message.
pub(in crate::auth) fn names() -> String {
    let names: Vec<_> = NAMES.iter().map(|(name, _)| format!("`{name}`")).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::cloud::PUBLIC;

    fn request(names: &[&str]) -> String {
        let names: Vec<_> = names.iter().copied().map(String::from).collect();
        Scopes::parse(&names).unwrap().request(PUBLIC)
    }

    #[test]
    fn the_least_is_asked_for_and_more_only_by_name() {
        let graph = "https://graph.microsoft.com";
        assert_eq!(
            request(&[]),
            format!("{graph}/Mail.ReadWrite offline_access openid profile")
        );
        assert_eq!(
            request(&["Send", "Mail.Send", "events"]),
            format!("{graph}/Mail.Send {graph}/Calendars.ReadWrite offline_access openid profile")
        );
        assert_eq!(
            request(&[".default"]),
            format!("{graph}/.default offline_access openid profile")
        );
    }

    #[test]
    fn what_cannot_be_a_permission_is_refused() {
        for bad in [
            "everything",
            "Mail.",
            "Mail ReadWrite",
            "https://x/Mail.Send",
            "a..b",
        ] {
            assert!(Scopes::parse(&[bad.into()]).is_err(), "{bad}");
        }
        assert!(Scopes::parse(&[".default".into(), "send".into()]).is_err());
    }

    #[test]
    fn an_earlier_login_s_permissions_stay() {
        let send = Scopes::parse(&["send".into()]).unwrap();
        let earlier = request(&["mail"]);
        assert_eq!(
            send.clone().and(&earlier).0,
            ["Mail.Send", "Mail.ReadWrite"]
        );
        let all = "https://graph.microsoft.com/.default offline_access";
        assert_eq!(send.and(all).0, ["Mail.Send"]);
        assert_eq!(Scopes::default().and(all).0, [ALL]);
        let default = Scopes::parse(&[".default".into()]).unwrap();
        assert_eq!(default.and(&earlier).0, [".default"]);
    }

    #[test]
    fn a_missing_permission_has_a_name_to_ask_for_it() {
        for (permission, name) in [
            ("Mail.Send", "send"),
            ("Mail.ReadWrite", "mail"),
            ("Mail.ReadBasic", "mail"),
            ("Calendars.ReadWrite", "events"),
            ("Mail.ReadWrite.Shared", "Mail.ReadWrite.Shared"),
        ] {
            assert_eq!(short(permission), name);
            assert!(Scopes::parse(&[name.into()]).is_ok());
        }
    }
}
