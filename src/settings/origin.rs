//! Where a value came from, so that a person who wonders can be told.

use std::{fmt, path::PathBuf};

/// The place that decided a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A flag of this command line, such as `--endpoint`.
    Flag(&'static str),
    /// A variable of the environment, by its name.
    Env(&'static str),
    /// The configuration file: its top level, or one of its profiles.
    File {
        /// The profile's name; `None` for the top level.
        profile: Option<String>,
        /// The file.
        path: PathBuf,
    },
    /// An earlier `graph-attach auth login`.
    SavedLogin,
    /// Nobody said otherwise.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Flag(name) | Origin::Env(name) => f.write_str(name),
            Origin::File {
                profile: Some(name),
                path,
            } => {
                write!(f, "profile `{name}` in {}", path.display())
            }
            Origin::File {
                profile: None,
                path,
            } => write!(f, "{}", path.display()),
            Origin::SavedLogin => f.write_str("the saved login"),
            Origin::Default => f.write_str("default"),
        }
    }
}

/// A value with the place that decided it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sourced<T> {
    /// The value.
    pub value: T,
    /// Who decided it.
    pub origin: Origin,
}

impl<T> Sourced<T> {
    /// Puts a value and its origin together.
    pub fn new(value: T, origin: Origin) -> Self {
        Sourced { value, origin }
    }

    /// The same origin for what the value leads to.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Sourced<U> {
        Sourced {
            value: f(self.value),
            origin: self.origin,
        }
    }
}
