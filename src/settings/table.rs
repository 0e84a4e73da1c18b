//! Every setting in one table: its key in the file, its flag, its variable, its default and its meaning.
//!
//! What is documented about settings is made from here: the table in docs/configuration.md, and the
//! manual page's ENVIRONMENT. Token sources have an order of their own, and are `tokens`' to list.

use std::fmt::Write as _;

/// One setting.
#[derive(Debug)]
pub struct Setting {
    /// The key in the configuration file; empty if it cannot be set there.
    pub key: &'static str,
    /// The flag, or the command and its flag; empty if there is none.
    pub flag: &'static str,
    /// What stands for the flag's value in help.
    pub value: &'static str,
    /// The variable of the environment; empty if there is none.
    pub variable: &'static str,
    /// What holds where nothing is said, in words.
    pub default: &'static str,
    /// What it decides.
    pub meaning: &'static str,
}

impl Setting {
    /// The flag alone, without the command that has it.
    pub(super) fn flag_name(&self) -> &'static str {
        self.flag.rsplit(' ').next().unwrap_or_default()
    }
}

const NONE: Setting = Setting {
    key: "",
    flag: "",
    value: "",
    variable: "",
    default: "",
    meaning: "",
};

/// Which Microsoft cloud.
pub const CLOUD: Setting = Setting {
    key: "cloud",
    flag: "--cloud",
    value: "NAME",
    variable: "GRAPH_ATTACH_CLOUD",
    default: "`public`",
    meaning: "cloud",
};
/// Base URL of Graph.
pub const ENDPOINT: Setting = Setting {
    key: "endpoint",
    flag: "--endpoint",
    value: "URL",
    variable: "GRAPH_ATTACH_ENDPOINT",
    default: "the cloud's",
    meaning: "base URL of Graph, with version",
};
/// Base URL of the login host.
pub const LOGIN_URL: Setting = Setting {
    key: "login_url",
    flag: "auth login --login-url",
    value: "URL",
    variable: "AZURE_AUTHORITY_HOST",
    default: "the cloud's",
    meaning: "login host",
};
/// Whose mailbox.
pub const MAILBOX: Setting = Setting {
    key: "mailbox",
    flag: "--mailbox",
    value: "UPN|ID",
    variable: "GRAPH_ATTACH_MAILBOX",
    default: "the token's own (`/me`), also when the variable is empty",
    meaning: "mailbox",
};
/// How progress is shown.
pub const PROGRESS: Setting = Setting {
    key: "progress",
    flag: "--progress",
    value: "HOW",
    variable: "GRAPH_ATTACH_PROGRESS",
    default: "`auto`",
    meaning: "how progress is shown",
};
/// When to colour.
pub const COLOR: Setting = Setting {
    flag: "--color",
    value: "WHEN",
    default: "`auto`: on a terminal, unless `NO_COLOR` is set",
    meaning: "colors in messages",
    ..NONE
};
/// Failures in a row.
pub const MAX_RETRIES: Setting = Setting {
    key: "max_retries",
    flag: "--max-retries",
    value: "N",
    default: "10",
    meaning: "failures in a row that are followed by another try",
    ..NONE
};
/// Time without a byte.
pub const TIMEOUT: Setting = Setting {
    key: "timeout",
    flag: "--timeout",
    value: "TIME",
    default: "60s",
    meaning: "time without progress, and for one answer",
    ..NONE
};
/// Time for the whole command.
pub const DEADLINE: Setting = Setting {
    flag: "--deadline",
    value: "TIME",
    default: "none",
    meaning: "time for the whole command",
    ..NONE
};
/// What one mailbox is sent.
pub const VOLUME_LIMIT: Setting = Setting {
    key: "volume_limit",
    default: "150000000, the limit of Exchange Online; none for a service on this computer",
    meaning: "bytes that one mailbox is sent in five minutes, by all processes with the same state \
              directory; 0 is no limit",
    ..NONE
};
/// Certificates to trust too.
pub const CA_FILE: Setting = Setting {
    key: "ca_file",
    flag: "--ca-file",
    value: "PEM",
    default: "none",
    meaning: "certificates to trust too",
    ..NONE
};
/// Certificates to trust instead.
pub const CERT_FILE: Setting = Setting {
    variable: "SSL_CERT_FILE",
    default: "the platform's",
    meaning: "file of certificates to trust instead of the platform's",
    ..NONE
};
/// Likewise.
pub const CERT_DIR: Setting = Setting {
    variable: "SSL_CERT_DIR",
    default: "the platform's",
    meaning: "directories of certificates to trust instead of the platform's",
    ..NONE
};
/// Where requests are written down.
pub const LOG_FILE: Setting = Setting {
    flag: "--log-file",
    value: "PATH",
    default: "none",
    meaning: "file that gets a line for each request",
    ..NONE
};
/// The profile.
pub const PROFILE: Setting = Setting {
    flag: "--profile",
    value: "NAME",
    variable: "GRAPH_ATTACH_PROFILE",
    default: "none",
    meaning: "profile of the configuration file",
    ..NONE
};
/// The configuration file.
pub const CONFIG: Setting = Setting {
    flag: "--config",
    value: "FILE",
    variable: "GRAPH_ATTACH_CONFIG",
    default: "see below",
    meaning: "configuration file",
    ..NONE
};
/// The state directory.
pub const STATE_DIR: Setting = Setting {
    flag: "--state-dir",
    value: "DIR",
    variable: "GRAPH_ATTACH_STATE_DIR",
    default: "see below",
    meaning: "state directory",
    ..NONE
};
/// The item, where the command names none.
pub const MESSAGE: Setting = Setting {
    flag: "--message",
    value: "ID",
    variable: "GRAPH_ATTACH_MESSAGE",
    default: "none",
    meaning: "message, where neither `--message` nor `--event` is given",
    ..NONE
};
/// Likewise.
pub const EVENT: Setting = Setting {
    flag: "--event",
    value: "ID",
    variable: "GRAPH_ATTACH_EVENT",
    default: "none",
    meaning: "event, where there is no message either",
    ..NONE
};
/// The only endpoint that may be used.
pub const SANDBOX: Setting = Setting {
    variable: "GRAPH_ATTACH_SANDBOX",
    default: "none",
    meaning: "the only endpoint that may be used: a command for another one refuses",
    ..NONE
};

/// All of them, as they are documented.
pub const TABLE: [&Setting; 20] = [
    &CLOUD,
    &ENDPOINT,
    &LOGIN_URL,
    &MAILBOX,
    &MESSAGE,
    &EVENT,
    &PROGRESS,
    &COLOR,
    &MAX_RETRIES,
    &TIMEOUT,
    &DEADLINE,
    &VOLUME_LIMIT,
    &CA_FILE,
    &CERT_FILE,
    &CERT_DIR,
    &LOG_FILE,
    &PROFILE,
    &CONFIG,
    &STATE_DIR,
    &SANDBOX,
];

/// Variables that are read elsewhere, for the manual page: name and meaning.
const OTHER_VARIABLES: [(&str, &str); 9] = [
    ("GRAPH_ATTACH_TOKEN", "the token"),
    (
        "GRAPH_ATTACH_TOKEN_FILE",
        "a file with the token, read anew every time",
    ),
    (
        "GRAPH_ATTACH_TOKEN_COMMAND",
        "a command that prints the token; run without a shell",
    ),
    (
        "AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET, AZURE_FEDERATED_TOKEN_FILE",
        "an app or a workload to sign in as, where they are complete",
    ),
    (
        "HTTPS_PROXY, ALL_PROXY, NO_PROXY",
        "the proxy, and the hosts that are reached without it",
    ),
    (
        "XDG_STATE_HOME, XDG_CONFIG_HOME",
        "where state and configuration are kept",
    ),
    ("NO_COLOR", "no colors, if it is set to anything"),
    ("CLICOLOR_FORCE", "colors even where there is no terminal"),
    (
        "COLUMNS",
        "the width of a terminal that does not tell its own",
    ),
];

/// The rows of the table in docs/configuration.md.
pub fn markdown() -> String {
    let mut text =
        "| what | flag | environment | file | default |\n|---|---|---|---|---|\n".to_owned();
    let code = |text: &str| match text {
        "" => String::new(),
        text => format!("`{}` ", text.replace('|', "\\|")),
    };
    for setting in TABLE {
        let flag = format!("{} {}", setting.flag, setting.value);
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| {} | {}| {}| {}| {} |",
            setting.meaning,
            code(flag.trim()),
            code(setting.variable),
            code(setting.key),
            setting.default
        );
    }
    text
}

/// The manual page's section on the environment, in roff.
pub fn manual() -> String {
    let mut text = ".SH ENVIRONMENT\nA flag wins over a variable, and a variable over the configuration \
                    file. A variable that is set and empty counts as not set, except for the token's.\n"
        .to_owned();
    let of_settings = TABLE.iter().filter(|setting| !setting.variable.is_empty());
    let of_settings = of_settings.map(|setting| (setting.variable, setting.meaning));
    for (name, meaning) in of_settings.chain(OTHER_VARIABLES) {
        let meaning = meaning.replace('`', "").replace("--", "\\-\\-");
        let _ = writeln!(text, ".TP\n\\fB{name}\\fR\n{meaning}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_can_be_told_and_set() {
        for setting in TABLE {
            assert!(!setting.meaning.is_empty() && !setting.default.is_empty());
            let ways = [setting.key, setting.flag, setting.variable];
            assert!(ways.iter().any(|way| !way.is_empty()), "{setting:?}");
            for other in TABLE {
                for (own, theirs) in ways.iter().zip([other.key, other.flag, other.variable]) {
                    let same = std::ptr::eq(setting, other);
                    assert!(same || own.is_empty() || *own != theirs, "{own} twice");
                }
            }
        }
    }
}
