//! Which one of the configured sources is used: the first, and no other.

use super::Error;
use crate::settings::{Credential, Credentials, Origin, Sourced, credential::Identity};

/// The source that won, and those that are set but have no say.
#[derive(Debug, PartialEq, Eq)]
pub struct Selection {
    /// The winner.
    pub credential: Sourced<Credential>,
    /// The others, in their order.
    pub ignored: Vec<Origin>,
}

/// Picks the source to use; a saved login, if there is one, comes after all that is configured.
///
/// # Errors
/// [`Error::NoSource`], when nothing is set.
pub fn select(credentials: Credentials, saved: Option<Identity>) -> Result<Selection, Error> {
    let saved =
        saved.map(|identity| Sourced::new(Credential::DeviceCode(identity), Origin::SavedLogin));
    let mut ways = credentials.ways.into_iter().chain(saved);
    // Half a set of variables may be there for other tools: it is no source, and stands in no
    // other's way, but is worth a word when there is no other.
    let Some(credential) = ways.next() else {
        return Err(Error::NoSource {
            half: credentials.half_azure,
        });
    };
    Ok(Selection {
        credential,
        ignored: ways.map(|way| way.origin).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Secret, credential::HalfAzure};

    fn literal(name: &'static str) -> Sourced<Credential> {
        Sourced::new(Credential::Literal(Secret::new(name)), Origin::Env(name))
    }

    fn half() -> Option<HalfAzure> {
        Some(HalfAzure {
            set: vec!["A"],
            missing: vec!["B", "C or D"],
        })
    }

    #[test]
    fn the_first_wins_and_the_rest_are_named() {
        let ways = vec![literal("X"), literal("Y")];
        let selection = select(
            Credentials {
                ways,
                half_azure: half(),
            },
            Some(Identity::default()),
        )
        .unwrap();
        assert_eq!(selection.credential, literal("X"));
        assert_eq!(selection.ignored, [Origin::Env("Y"), Origin::SavedLogin]);
    }

    #[test]
    fn a_saved_login_comes_last_and_half_a_set_does_not_hide_it() {
        let credentials = Credentials {
            ways: Vec::new(),
            half_azure: half(),
        };
        let selection = select(credentials, Some(Identity::default())).unwrap();
        assert_eq!(selection.credential.origin, Origin::SavedLogin);
    }

    #[test]
    fn nothing_at_all_says_what_half_a_set_lacks() {
        let credentials = Credentials {
            ways: Vec::new(),
            half_azure: half(),
        };
        assert_eq!(
            select(credentials, None).unwrap_err().to_string(),
            "no credentials: there is no token and no way to get one (A set, but not B and C or D)"
        );
        let error = select(Credentials::default(), None).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no credentials: there is no token and no way to get one"
        );
        assert!(error.hints().len() >= 3);
    }
}
