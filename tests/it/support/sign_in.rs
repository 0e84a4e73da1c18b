//! The binary while it waits for a browser: the link that it gives, a plain client that follows it, and how
//! it ends.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, ChildStdout, Stdio},
};

use super::{Run, Stage, entra::Entra};

/// `auth login` that waits for a browser.
pub(crate) struct SignIn {
    pub(crate) child: Child,
    stdout: BufReader<ChildStdout>,
    /// The line that says so, as it came.
    pub(crate) line: String,
    /// The page to open.
    pub(crate) url: String,
    /// Where it comes back to.
    pub(crate) port: u16,
}

impl SignIn {
    /// Starts `auth login --browser` with more arguments, against this login host, and reads its link.
    pub(crate) fn start(stage: &Stage, entra: &Entra, more: &[&str]) -> Self {
        let mut arguments = vec!["--json", "auth", "login", "--browser", "--no-keyring"];
        arguments.extend(more);
        let mut child = stage
            .process(arguments)
            .env_remove("GRAPH_ATTACH_TOKEN")
            // Nothing opens; the test is the browser.
            .env("BROWSER", "true")
            .env("AZURE_AUTHORITY_HOST", entra.url())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let said: serde_json::Value = serde_json::from_str(&line)
            .unwrap_or_else(|_| panic!("{line} {:?}", complaint(&mut child)));
        assert_eq!(said["type"], "browser");
        SignIn {
            child,
            stdout,
            line,
            url: said["url"].as_str().unwrap().to_owned(),
            port: u16::try_from(said["port"].as_u64().unwrap()).unwrap(),
        }
    }

    /// A value in the link.
    pub(crate) fn asked(&self, name: &str) -> String {
        let url = url::Url::parse(&self.url).unwrap();
        let found = url.query_pairs().find(|(key, _)| key == name);
        found
            .map(|(_, value)| value.into_owned())
            .unwrap_or_default()
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Run {
        let mut stdout = String::new();
        self.stdout.read_to_string(&mut stdout).unwrap();
        let mut output = self.child.wait_with_output().unwrap();
        output.stdout = stdout.into_bytes();
        Run::of(output)
    }
}

/// What a process said of its failure.
fn complaint(child: &mut Child) -> String {
    let mut text = String::new();
    if let Some(stderr) = &mut child.stderr {
        let _ = stderr.read_to_string(&mut text);
    }
    text
}

/// What a browser without scripts shows in the end: status and text.
pub(crate) fn browse(url: &str) -> (u16, String) {
    request(reqwest::Method::GET, url, None)
}

/// One request, redirects followed, perhaps under another host's name.
pub(crate) fn request(method: reqwest::Method, url: &str, host: Option<&str>) -> (u16, String) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut request = client.request(method, url);
        if let Some(host) = host {
            request = request.header("host", host);
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    })
}
