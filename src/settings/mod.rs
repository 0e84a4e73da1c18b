//! Settings: flag, then environment, then profile in the configuration file, then default.
//!
//! Every value remembers where it came from. This is data and decisions only: the flags come as a
//! plain struct, the environment as a look-up, the file through a reader, the platform's
//! directories as values, so that all of it can be tested without any of them. [`System`] is the
//! real thing. Nothing here prints, reads a token, or opens a connection.

mod choice;
pub mod cloud;
pub mod credential;
#[cfg(feature = "login")]
pub mod edit;
pub mod endpoint;
mod error;
pub mod file;
mod layers;
pub mod origin;
pub mod table;
pub mod time;
mod tokens;

use std::{
    ffi::OsString,
    fmt, fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

pub use choice::{Color, Progress};
use clap::ValueEnum;
pub use cloud::Cloud;
pub use credential::{Credential, Credentials, Secret};
pub use error::Error;
pub use origin::{Origin, Sourced};

use graph_upload::client::{HttpOptions, Proxies, Trust};
use url::Url;

use layers::Layers;

/// The names of the ways to show progress.
const PROGRESS_CHOICES: &str = "`auto`, `bar`, `plain`, `json`, `none`";

/// What the command line says, of what this module decides.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// `--cloud`
    pub cloud: Option<String>,
    /// `--endpoint`
    pub endpoint: Option<String>,
    /// `--login-url`
    pub login_url: Option<String>,
    /// `--profile`
    pub profile: Option<String>,
    /// `--config`
    pub config: Option<PathBuf>,
    /// `--state-dir`
    pub state_dir: Option<PathBuf>,
    /// `--ca-file`
    pub ca_file: Option<PathBuf>,
    /// `--mailbox`
    pub mailbox: Option<String>,
    /// `--token-file`; `-` is standard input
    pub token_file: Option<PathBuf>,
    /// `--token-command`
    pub token_command: Option<String>,
    /// `--progress`
    pub progress: Option<Progress>,
    /// `--color`
    pub color: Option<Color>,
    /// `--max-retries`
    pub max_retries: Option<u32>,
    /// `--timeout`
    pub timeout: Option<Duration>,
    /// `--deadline`
    pub deadline: Option<Duration>,
    /// Whether the command may send requests to the service.
    pub reaches_service: bool,
    /// Whether the command makes the profile, and the file, if they are not there yet.
    pub creates_profile: bool,
}

/// What lies outside the command line: environment, files, and the platform's directories.
pub trait Surroundings {
    /// A variable of the environment.
    fn env(&self, name: &str) -> Option<OsString>;
    /// A file's text and permissions.
    fn read(&self, path: &Path) -> io::Result<file::Text>;
    /// The platform's configuration directory for this program.
    fn config_dir(&self) -> Option<PathBuf>;
    /// The platform's state directory for this program.
    fn state_dir(&self) -> Option<PathBuf>;
}

/// The real surroundings of this process.
#[derive(Debug, Clone, Copy)]
pub struct System;

impl System {
    fn directories() -> Option<directories::ProjectDirs> {
        directories::ProjectDirs::from("", "", "graph-attach")
    }
}

impl Surroundings for System {
    fn env(&self, name: &str) -> Option<OsString> {
        std::env::var_os(name)
    }

    fn read(&self, path: &Path) -> io::Result<file::Text> {
        let mut file = fs::File::open(path)?;
        let mode = file.metadata()?.permissions().mode();
        Ok(file::Text {
            text: io::read_to_string(&mut file)?,
            mode,
        })
    }

    fn config_dir(&self) -> Option<PathBuf> {
        Self::directories().map(|found| found.config_dir().to_owned())
    }

    fn state_dir(&self) -> Option<PathBuf> {
        // macOS has no state directory; what is kept there must still outlive a restart.
        Self::directories().map(|found| {
            found
                .state_dir()
                .unwrap_or_else(|| found.data_local_dir())
                .to_owned()
        })
    }
}

/// There is no directory to keep state in: no home, and nobody named another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no home directory to keep state in")]
pub struct NoStateDir;

/// Everything that is decided before a command begins.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The configuration file in use, if there is one.
    pub file: Option<PathBuf>,
    /// Where the configuration file is, or would be.
    pub file_place: Option<PathBuf>,
    /// The profile in use, if one was chosen.
    pub profile: Option<Sourced<String>>,
    /// The cloud whose login host and scope are used.
    pub cloud: Sourced<&'static Cloud>,
    /// Base URL of Graph, with version, without a slash at its end.
    pub endpoint: Sourced<Url>,
    /// Base URL of the login host, without a slash at its end.
    pub login_url: Sourced<Url>,
    /// Whose mailbox; `None` is `/me`.
    pub mailbox: Option<Sourced<String>>,
    /// Where sessions and the saved login live.
    pub state_dir: Result<Sourced<PathBuf>, NoStateDir>,
    /// Certificates to trust besides all others.
    pub ca_file: Option<Sourced<PathBuf>>,
    /// How requests are sent: certificates and proxies. The times are each command's.
    pub http: HttpOptions,
    /// How progress is shown.
    pub progress: Sourced<Progress>,
    /// When to colour what people read.
    pub color: Sourced<Color>,
    /// How many failures in a row are followed by another try, if anybody says so.
    pub max_retries: Option<Sourced<u32>>,
    /// How long a request may go without a byte, if anybody says so.
    pub timeout: Option<Sourced<Duration>>,
    /// How long the whole command may take.
    pub deadline: Option<Sourced<Duration>>,
    /// Bytes that one mailbox is sent in five minutes, if the file says so; 0 is no limit.
    pub volume_limit: Option<Sourced<u32>>,
    /// How long the service may lag, where a test says so.
    pub lag: Option<Duration>,
    /// Every configured way to get a token; the first wins.
    pub credentials: Credentials,
    /// The saved login to look for: app and tenant, as far as they are narrowed down.
    pub identity: credential::Identity,
}

impl Settings {
    /// Hosts that get a token or a secret although nobody typed them and Microsoft does not have them: whoever can
    /// set a variable would have it sent to him.
    pub fn surprises(&self) -> Vec<String> {
        let strange = |url: &Sourced<Url>, what: &str| {
            let host = url.value.host_str().unwrap_or_default();
            let by_environment = matches!(url.origin, Origin::Env(_));
            if !by_environment || endpoint::is_loopback(&url.value) || Cloud::is_microsofts(host) {
                return None;
            }
            Some(format!(
                "{what} `{host}`, which is none of Microsoft's hosts: {} says so",
                url.origin
            ))
        };
        let graph = strange(&self.endpoint, "the token goes to");
        let login = strange(&self.login_url, "sign-ins go to");
        graph.into_iter().chain(login).collect()
    }

    /// One line for each setting that matters for where requests go: the value, and who decided it.
    pub fn origins(&self) -> Vec<String> {
        fn line(name: &str, value: impl fmt::Display, origin: &Origin) -> String {
            format!("{name} {value} ({origin})")
        }
        let mut lines = vec![
            line("cloud", self.cloud.value.name, &self.cloud.origin),
            line("endpoint", &self.endpoint.value, &self.endpoint.origin),
            line("login host", &self.login_url.value, &self.login_url.origin),
        ];
        if let Some(Sourced { value, origin }) = &self.profile {
            lines.push(line("profile", value, origin));
        }
        if let Some(Sourced { value, origin }) = &self.mailbox {
            lines.push(line("mailbox", value, origin));
        }
        if let Some(Sourced { value, origin }) = &self.ca_file {
            lines.push(line("certificates", value.display(), origin));
        }
        let trust = &self.http.trust;
        if let Some(file) = &trust.cert_file {
            let origin = Origin::Env("SSL_CERT_FILE");
            lines.push(line(
                "certificates instead of the platform's",
                file.display(),
                &origin,
            ));
        }
        for dir in &trust.cert_dirs {
            let origin = Origin::Env("SSL_CERT_DIR");
            lines.push(line(
                "certificates instead of the platform's",
                dir.display(),
                &origin,
            ));
        }
        if let Ok(Sourced { value, origin }) = &self.state_dir {
            lines.push(line("state directory", value.display(), origin));
        }
        if let Some(Sourced { value, origin }) = &self.max_retries {
            lines.push(line("retries", value, origin));
        }
        let seconds = |value: &Duration| format!("{} s", value.as_secs());
        if let Some(Sourced { value, origin }) = &self.timeout {
            lines.push(line("timeout", seconds(value), origin));
        }
        if let Some(Sourced { value, origin }) = &self.deadline {
            lines.push(line("deadline", seconds(value), origin));
        }
        lines
    }
}

/// Decides every setting.
///
/// # Errors
/// When something is set to what it cannot be, or the file cannot be read. Never because of a
/// token source that does not work: a command may not need one.
pub fn load(flags: &Flags, around: &dyn Surroundings) -> Result<Settings, Error> {
    let layers = Layers::open(flags, around)?;
    let (cloud, endpoint) = hosts(&layers)?;
    if flags.reaches_service {
        only_sandbox(&endpoint, around)?;
    }
    let url_flag = flags.login_url.as_ref();
    let login_url =
        match layers.text(&table::LOGIN_URL, url_flag, |file| file.login_url.as_ref())? {
            Some(Sourced { value, origin }) => {
                // Azure's own tools take the bare host here.
                let text = if value.contains("://") {
                    value
                } else {
                    format!("https://{value}")
                };
                url("login URL", endpoint::base, Sourced::new(text, origin))?
            }
            None => {
                let login = Sourced::new(cloud.value.login.to_owned(), cloud.origin.clone());
                url("login URL", endpoint::base, login)?
            }
        };
    let progress = match flags.progress {
        Some(progress) => Sourced::new(progress, Origin::Flag(table::PROGRESS.flag_name())),
        None => progress(&layers)?,
    };
    let color = match flags.color {
        Some(color) => Sourced::new(color, Origin::Flag(table::COLOR.flag_name())),
        None => Sourced::new(Color::Auto, Origin::Default),
    };
    let ca_file = layers.path(&table::CA_FILE, flags.ca_file.as_ref(), |file| {
        file.ca_file.as_ref()
    });
    Ok(Settings {
        mailbox: mailbox(&layers)?,
        http: HttpOptions {
            trust: trust(ca_file.as_ref(), around),
            proxies: Proxies::read(|name| around.env(name)),
            ..HttpOptions::default()
        },
        ca_file,
        state_dir: state_dir(flags, around),
        max_retries: layers.value(&table::MAX_RETRIES, flags.max_retries, |file| {
            file.max_retries
        }),
        volume_limit: layers.file(|table| table.volume_limit),
        lag: lag(around),
        timeout: layers.value(&table::TIMEOUT, flags.timeout, |file| file.timeout),
        deadline: layers.value(&table::DEADLINE, flags.deadline, |_| None),
        credentials: tokens::candidates(flags, &layers)?,
        identity: layers.identity(),
        file: layers.path_in_use(),
        file_place: layers.place.clone(),
        profile: layers.profile.clone(),
        cloud,
        endpoint,
        login_url,
        progress,
        color,
    })
}

/// How long it is looked whether a file was attached whose answer was lost; in milliseconds, and for tests
/// only. The promise rests on the half minute that it is without this.
fn lag(around: &dyn Surroundings) -> Option<Duration> {
    let text = layers::set(around, "GRAPH_ATTACH_TEST_LAG")?;
    Some(Duration::from_millis(text.to_str()?.parse().ok()?))
}

/// Which certificates count. As for OpenSSL and curl, the two variables replace the platform's; a CA file adds
/// to either. A variable that is set and empty is not set.
fn trust(ca_file: Option<&Sourced<PathBuf>>, around: &dyn Surroundings) -> Trust {
    let dirs = layers::set(around, "SSL_CERT_DIR");
    Trust {
        ca_file: ca_file.map(|file| file.value.clone()),
        cert_file: layers::set(around, "SSL_CERT_FILE").map(PathBuf::from),
        cert_dirs: dirs.iter().flat_map(std::env::split_paths).collect(),
    }
}

/// How progress is shown, where no flag says it.
fn progress(layers: &Layers<'_>) -> Result<Sourced<Progress>, Error> {
    match layers.text(&table::PROGRESS, None, |file| file.progress.as_ref())? {
        None => Ok(Sourced::new(Progress::Auto, Origin::Default)),
        Some(Sourced { value, origin }) => match Progress::from_str(&value, false) {
            Ok(progress) => Ok(Sourced::new(progress, origin)),
            Err(_) => Err(Error::Choice {
                origin,
                choices: PROGRESS_CHOICES,
            }),
        },
    }
}

/// Whose mailbox. A variable that is set and empty is the token's own, whatever the file says.
fn mailbox(layers: &Layers<'_>) -> Result<Option<Sourced<String>>, Error> {
    let flag = layers.flags.mailbox.as_ref();
    let variable = layers.around.env(table::MAILBOX.variable);
    if flag.is_none() && variable.is_some_and(|name| name.is_empty()) {
        return Ok(None);
    }
    layers.text(&table::MAILBOX, flag, |file| file.mailbox.as_ref())
}

/// Where `GRAPH_ATTACH_SANDBOX` is set, nothing else is talked to: a script that was made for the
/// sandbox and lost its endpoint must not reach the service.
fn only_sandbox(endpoint: &Sourced<Url>, around: &dyn Surroundings) -> Result<(), Error> {
    let Some(sandbox) = layers::set(around, table::SANDBOX.variable) else {
        return Ok(());
    };
    let sandbox = sandbox.to_string_lossy().into_owned();
    let is_same = endpoint::base(&sandbox).is_ok_and(|url| match url.path() {
        "" | "/" => url.origin() == endpoint.value.origin(),
        _ => url == endpoint.value,
    });
    match is_same {
        true => Ok(()),
        false => Err(Error::OtherThanSandbox {
            endpoint: endpoint.clone(),
            sandbox,
        }),
    }
}

/// Cloud and endpoint together: each may follow from the other.
fn hosts(layers: &Layers<'_>) -> Result<(Sourced<&'static Cloud>, Sourced<Url>), Error> {
    let cloud = layers
        .text(&table::CLOUD, layers.flags.cloud.as_ref(), |file| {
            file.cloud.as_ref()
        })?
        .map(|Sourced { value, origin }| match Cloud::named(&value) {
            Ok(cloud) => Ok(Sourced::new(cloud, origin)),
            Err(problem) => Err(Error::Cloud { origin, problem }),
        })
        .transpose()?;
    let flag = layers.flags.endpoint.as_ref();
    let endpoint = layers
        .text(&table::ENDPOINT, flag, |file| file.endpoint.as_ref())?
        .map(|text| url("endpoint", endpoint::graph, text))
        .transpose()?;
    // Whoever writes the host of another cloud has chosen that cloud, login host and all.
    let implied = endpoint.as_ref().and_then(|endpoint| {
        let cloud = endpoint.value.host_str().and_then(Cloud::of_graph_host)?;
        Some(Sourced::new(cloud, endpoint.origin.clone()))
    });
    let cloud = cloud
        .or(implied)
        .unwrap_or(Sourced::new(cloud::PUBLIC, Origin::Default));
    let endpoint = match endpoint {
        Some(endpoint) => endpoint,
        None => {
            let text = format!("{}/v1.0", cloud.value.graph);
            url(
                "endpoint",
                endpoint::graph,
                Sourced::new(text, cloud.origin.clone()),
            )?
        }
    };
    Ok((cloud, endpoint))
}

fn url(
    what: &'static str,
    read: fn(&str) -> Result<Url, endpoint::Unusable>,
    text: Sourced<String>,
) -> Result<Sourced<Url>, Error> {
    match read(&text.value) {
        Ok(url) => Ok(Sourced::new(url, text.origin)),
        Err(problem) => Err(Error::Url {
            what,
            origin: text.origin,
            problem,
        }),
    }
}

fn state_dir(flags: &Flags, around: &dyn Surroundings) -> Result<Sourced<PathBuf>, NoStateDir> {
    if let Some(path) = &flags.state_dir {
        return Ok(Sourced::new(
            path.clone(),
            Origin::Flag(table::STATE_DIR.flag_name()),
        ));
    }
    let variable = table::STATE_DIR.variable;
    if let Some(path) = layers::set(around, variable) {
        return Ok(Sourced::new(path.into(), Origin::Env(variable)));
    }
    // The XDG specification asks for relative paths to be ignored.
    if let Some(path) = layers::set(around, "XDG_STATE_HOME").map(PathBuf::from)
        && path.is_absolute()
    {
        return Ok(Sourced::new(
            path.join("graph-attach"),
            Origin::Env("XDG_STATE_HOME"),
        ));
    }
    around
        .state_dir()
        .map(|path| Sourced::new(path, Origin::Default))
        .ok_or(NoStateDir)
}

#[cfg(test)]
mod tests;
