//! A plain client for the stand-in: no retries, no redirects, one method per request of the service.

use graph_sandbox::{Options, Sandbox};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

/// A running stand-in and a client for it.
pub(crate) struct Client {
    pub(crate) sandbox: Sandbox,
    pub(crate) http: reqwest::Client,
}

impl Client {
    pub(crate) async fn start(options: Options) -> Self {
        let sandbox = Sandbox::start(options).await.expect("the stand-in starts");
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .expect("a client");
        Client { sandbox, http }
    }

    /// With these faults, and everything else as by default.
    pub(crate) async fn with_faults(faults: &[&str]) -> Self {
        let faults = faults.iter().map(|f| f.parse().expect("a fault")).collect();
        Client::start(Options {
            faults,
            ..Options::default()
        })
        .await
    }

    /// The draft's path below the version.
    pub(crate) fn draft(&self) -> String {
        format!("/me/messages/{}", self.sandbox.message())
    }

    pub(crate) fn event(&self) -> String {
        format!("/me/events/{}", self.sandbox.event())
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http
            .request(method, format!("{}{path}", self.sandbox.endpoint()))
            .bearer_auth(self.sandbox.token())
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path)
            .send()
            .await
            .expect("an answer")
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Response {
        self.request(Method::POST, path)
            .json(body)
            .send()
            .await
            .expect("an answer")
    }

    pub(crate) async fn delete(&self, path: &str) -> Response {
        self.request(Method::DELETE, path)
            .send()
            .await
            .expect("an answer")
    }

    /// GET that must succeed, as JSON.
    pub(crate) async fn get_json(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer.json().await.expect("JSON")
    }

    /// The answer to `createUploadSession` on `item`.
    pub(crate) async fn try_session(&self, item: &str, name: &str, size: usize) -> Response {
        let file = json!({"attachmentType": "file", "name": name, "size": size});
        let path = format!("{item}/attachments/createUploadSession");
        self.post(&path, &json!({"AttachmentItem": file})).await
    }

    /// The upload URL of a new session.
    pub(crate) async fn session(&self, item: &str, name: &str, size: usize) -> String {
        let answer = self.try_session(item, name, size).await;
        assert_eq!(answer.status(), StatusCode::CREATED);
        let body: Value = answer.json().await.expect("JSON");
        body["uploadUrl"]
            .as_str()
            .expect("an upload URL")
            .to_owned()
    }

    /// A range for an upload URL, ready to be sent.
    pub(crate) fn range(
        &self,
        url: &str,
        whole: &[u8],
        start: usize,
        end: usize,
    ) -> reqwest::RequestBuilder {
        self.http
            .put(url)
            .header("content-type", "application/octet-stream")
            .header(
                "content-range",
                format!("bytes {start}-{}/{}", end - 1, whole.len()),
            )
            .body(whole[start..end].to_vec())
    }

    /// The answer to one range.
    pub(crate) async fn put(&self, url: &str, whole: &[u8], start: usize, end: usize) -> Response {
        self.range(url, whole, start, end)
            .send()
            .await
            .expect("an answer")
    }

    /// Uploads all of it in ranges of `chunk` bytes; the last answer.
    pub(crate) async fn upload(&self, url: &str, whole: &[u8], chunk: usize) -> Response {
        let mut start = 0;
        loop {
            let end = whole.len().min(start + chunk);
            let answer = self.put(url, whole, start, end).await;
            if end == whole.len() {
                return answer;
            }
            assert_eq!(answer.status(), StatusCode::OK);
            start = end;
        }
    }

    /// Names and sizes of what the draft holds.
    pub(crate) fn held(&self) -> Vec<(String, u64)> {
        self.sandbox
            .items()
            .into_iter()
            .flat_map(|item| item.attachments)
            .map(|file| (file.name, file.size))
            .collect()
    }
}

/// `len` bytes in which no two ranges are alike.
pub(crate) fn bytes(len: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(len as u64);
    let mut bytes = vec![0; len];
    random.fill(&mut bytes);
    bytes
}

/// Code of the error in an answer, and its message.
pub(crate) async fn error(answer: Response) -> (u16, String, String) {
    let status = answer.status().as_u16();
    let body: Value = answer.json().await.expect("an error in JSON");
    let text = |name: &str| body["error"][name].as_str().unwrap_or_default().to_owned();
    (status, text("code"), text("message"))
}
