//! The layers that a value is looked for in, from the nearest to the farthest.

use std::{ffi::OsString, io, path::PathBuf};

use super::{
    Error, Flags, Origin, Sourced, Surroundings,
    credential::Identity,
    file::{self, File, Table},
    table::{self, Setting},
};

/// A variable of the environment that is set to something.
pub(super) fn set(around: &dyn Surroundings, name: &str) -> Option<OsString> {
    around.env(name).filter(|value| !value.is_empty())
}

/// Flags, environment, and the tables of the file that count.
pub(super) struct Layers<'a> {
    pub(super) flags: &'a Flags,
    pub(super) around: &'a dyn Surroundings,
    pub(super) profile: Option<Sourced<String>>,
    /// Where the file is, or would be.
    pub(super) place: Option<PathBuf>,
    file: Option<File>,
}

impl<'a> Layers<'a> {
    /// Finds the file and the profile, and reads the file.
    pub(super) fn open(flags: &'a Flags, around: &'a dyn Surroundings) -> Result<Self, Error> {
        let mut layers = Layers {
            flags,
            around,
            profile: None,
            place: None,
            file: None,
        };
        layers.profile = layers.text(&table::PROFILE, flags.profile.as_ref(), |_| None)?;
        let named = layers.path(&table::CONFIG, flags.config.as_ref(), |_| None);
        let usual = around
            .config_dir()
            .map(|directory| directory.join("config.toml"));
        let place = named.or(usual
            .clone()
            .map(|path| Sourced::new(path, Origin::Default)));
        layers.place = place.as_ref().map(|place| place.value.clone());
        if let Some(Sourced {
            value: path,
            origin,
        }) = place
        {
            layers.file = match around.read(&path) {
                Ok(text) => Some(file::parse(&path, &text)?),
                // Only a file that somebody asked for has to be there.
                Err(error)
                    if (origin == Origin::Default || flags.creates_profile)
                        && matches!(
                            error.kind(),
                            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                        ) =>
                {
                    None
                }
                Err(source) => {
                    return Err(Error::Unreadable {
                        path,
                        origin,
                        source,
                    });
                }
            };
        }
        if let Some(Sourced { value: name, .. }) = &layers.profile
            && !flags.creates_profile
        {
            let Some(file) = &layers.file else {
                return Err(Error::NoFileForProfile {
                    name: name.clone(),
                    path: usual,
                });
            };
            if !file.profiles.iter().any(|(known, _)| known == name) {
                return Err(Error::NoProfile {
                    name: name.clone(),
                    path: file.path.clone(),
                    known: file
                        .profiles
                        .iter()
                        .map(|(known, _)| known.clone())
                        .collect(),
                });
            }
        }
        Ok(layers)
    }

    /// The file that was read.
    pub(super) fn path_in_use(&self) -> Option<PathBuf> {
        self.file.as_ref().map(|file| file.path.clone())
    }

    /// The tables of the file that count: the profile's, then the top level.
    pub(super) fn tables(&self) -> impl Iterator<Item = (Origin, &Table)> {
        let file = self.file.as_ref();
        let name = self.profile.as_ref().map(|profile| &profile.value);
        let profile = file.into_iter().flat_map(move |file| {
            file.profiles
                .iter()
                .filter(move |(known, _)| Some(known) == name)
                .map(|(known, table)| {
                    let profile = Some(known.clone());
                    (
                        Origin::File {
                            profile,
                            path: file.path.clone(),
                        },
                        table,
                    )
                })
        });
        profile.chain(file.map(|file| {
            (
                Origin::File {
                    profile: None,
                    path: file.path.clone(),
                },
                &file.top,
            )
        }))
    }

    /// A value that only the file can set.
    pub(super) fn file<T>(&self, get: impl Fn(&Table) -> Option<T>) -> Option<Sourced<T>> {
        self.tables()
            .find_map(|(origin, table)| get(table).map(|value| Sourced::new(value, origin)))
    }

    /// A value from a flag or the file.
    pub(super) fn value<T>(
        &self,
        setting: &Setting,
        flag: Option<T>,
        get: impl Fn(&Table) -> Option<T>,
    ) -> Option<Sourced<T>> {
        let flag = flag.map(|value| Sourced::new(value, Origin::Flag(setting.flag_name())));
        flag.or_else(|| self.file(get))
    }

    /// Text from a flag, a variable, or the file.
    pub(super) fn text(
        &self,
        setting: &Setting,
        flag: Option<&String>,
        get: impl Fn(&Table) -> Option<&String>,
    ) -> Result<Option<Sourced<String>>, Error> {
        let name = setting.variable;
        if flag.is_none()
            && let Some(value) = set(self.around, name)
        {
            let text = value.into_string().map_err(|_| Error::NotText(name))?;
            return Ok(Some(Sourced::new(text, Origin::Env(name))));
        }
        Ok(self.value(setting, flag.cloned(), |table| get(table).cloned()))
    }

    /// A path from a flag, a variable, or the file.
    pub(super) fn path(
        &self,
        setting: &Setting,
        flag: Option<&PathBuf>,
        get: impl Fn(&Table) -> Option<&PathBuf>,
    ) -> Option<Sourced<PathBuf>> {
        let name = setting.variable;
        if flag.is_none()
            && let Some(value) = set(self.around, name)
        {
            return Some(Sourced::new(value.into(), Origin::Env(name)));
        }
        self.value(setting, flag.cloned(), |table| get(table).cloned())
    }

    /// The identity that the file describes, each part from the nearest table.
    pub(super) fn identity(&self) -> Identity {
        let text = |get: fn(&Identity) -> &Option<String>| {
            self.tables()
                .find_map(|(_, table)| get(&table.identity).clone())
        };
        let path = |get: fn(&Identity) -> &Option<PathBuf>| {
            self.tables()
                .find_map(|(_, table)| get(&table.identity).clone())
        };
        // A secret and a file with one exclude each other, so the nearer table settles both.
        let nearest_secret = self
            .tables()
            .map(|(_, table)| &table.identity)
            .find(|identity| {
                identity.client_secret.is_some() || identity.client_secret_file.is_some()
            });
        Identity {
            tenant: text(|identity| &identity.tenant),
            client_id: text(|identity| &identity.client_id),
            client_secret: nearest_secret.and_then(|identity| identity.client_secret.clone()),
            client_secret_file: nearest_secret
                .and_then(|identity| identity.client_secret_file.clone()),
            client_certificate_file: path(|identity| &identity.client_certificate_file),
            flow: self.tables().find_map(|(_, table)| table.auth?.flow()),
            federated_token_file: path(|identity| &identity.federated_token_file),
            metadata_host: None,
        }
    }
}
