//! A service that sends any bytes at all: both hosts over raw TCP, independent of the stand-in.
//!
//! Underneath it is honest: it lists, opens sessions, takes ranges, attaches and reads back. A test
//! gives it a lie, which may answer any request otherwise, after the honest effect or instead of it.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use serde_json::{Value, json};

/// What a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum What {
    List,
    /// One attachment, by its id.
    Attachment,
    Create,
    Post,
    Content,
    Put,
    Ask,
    Delete,
    /// None of these: nobody should send it.
    Stray,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) what: What,
    /// Which one of its kind, from 1.
    pub(crate) nth: usize,
    pub(crate) line: String,
    pub(crate) bearer: bool,
    /// First byte and one past the last, of a range.
    pub(crate) range: (usize, usize),
    /// Size of the whole file, of a range.
    pub(crate) total: usize,
}

/// What is sent back.
pub(crate) enum Answer {
    /// These bytes, after which the connection stays open.
    Raw(Vec<u8>),
    /// These bytes, then the end of the connection.
    Last(Vec<u8>),
    /// These bytes, then this block so many times.
    Pour(Vec<u8>, Vec<u8>, usize),
}

/// A lie about one request.
pub(crate) enum Lie {
    /// Nothing happens, and this is said.
    Instead(Answer),
    /// What should happen happens, and this is said.
    After(Answer),
}

/// Decides about each request; `None` is the truth.
pub(crate) type Script = Box<dyn Fn(&Asked, &Places) -> Option<Lie> + Send + Sync>;

/// Where the service is.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    pub(crate) graph: String,
    pub(crate) upload: String,
}

/// One attachment.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) content: Vec<u8>,
}

#[derive(Default)]
struct World {
    seen: Vec<Asked>,
    counts: HashMap<What, usize>,
    held: Vec<Held>,
    session: Option<(String, Vec<u8>)>,
    made: usize,
}

/// A running liar.
pub(crate) struct Liar {
    pub(crate) places: Places,
    world: Arc<Mutex<World>>,
    over: Arc<AtomicBool>,
}

/// The credential in the upload URL, which nobody may print.
pub(crate) const SECRET: &str = "s3cr3t-of-the-upload-url";
/// The bearer.
pub(crate) const TOKEN: &str = "t0k3n-of-the-liar";

impl Liar {
    pub(crate) fn new(script: Script) -> Self {
        let (graph, upload) = (listener("127.0.0.1"), listener("127.0.0.1"));
        let places = Places {
            graph: format!("http://{}", graph.local_addr().unwrap()),
            upload: format!("http://{}", upload.local_addr().unwrap()),
        };
        let liar = Liar {
            places,
            world: Arc::default(),
            over: Arc::default(),
        };
        let script: Arc<Script> = Arc::new(script);
        for (listener, is_graph) in [(graph, true), (upload, false)] {
            let (world, over, script) = (
                Arc::clone(&liar.world),
                Arc::clone(&liar.over),
                Arc::clone(&script),
            );
            let places = liar.places.clone();
            thread::spawn(move || {
                for stream in listener.incoming() {
                    if over.load(Ordering::Relaxed) {
                        return;
                    }
                    let Ok(stream) = stream else { continue };
                    let (world, script, places) =
                        (Arc::clone(&world), Arc::clone(&script), places.clone());
                    thread::spawn(move || serve(&stream, is_graph, &world, &script, &places));
                }
            });
        }
        liar
    }

    /// What is attached by now.
    pub(crate) fn held(&self) -> Vec<Held> {
        self.world.lock().unwrap().held.clone()
    }

    /// Every request so far.
    pub(crate) fn seen(&self) -> Vec<Asked> {
        self.world.lock().unwrap().seen.clone()
    }
}

impl Drop for Liar {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        for place in [&self.places.graph, &self.places.upload] {
            let _ = TcpStream::connect(place.trim_start_matches("http://"));
        }
    }
}

/// A place that nobody may come to: counts who does, and answers nothing.
pub(crate) struct Decoy {
    pub(crate) address: String,
    came: Arc<Mutex<Vec<String>>>,
}

impl Decoy {
    pub(crate) fn new(host: &str) -> Self {
        let listener = listener(host);
        let decoy = Decoy {
            address: format!("http://{}", listener.local_addr().unwrap()),
            came: Arc::default(),
        };
        let came = Arc::clone(&decoy.came);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut line = String::new();
                let _ = BufReader::new(&stream).read_line(&mut line);
                came.lock().unwrap().push(line);
            }
        });
        decoy
    }

    pub(crate) fn came(&self) -> Vec<String> {
        self.came.lock().unwrap().clone()
    }
}

fn listener(host: &str) -> TcpListener {
    TcpListener::bind((host, 0)).expect("a port")
}

fn serve(
    stream: &TcpStream,
    is_graph: bool,
    world: &Mutex<World>,
    script: &Script,
    places: &Places,
) {
    let mut reader = BufReader::new(stream);
    let mut out = stream;
    while let Some((mut asked, body)) = read(&mut reader, is_graph) {
        let answer = {
            let mut world = world.lock().unwrap();
            let count = world.counts.entry(asked.what).or_default();
            *count += 1;
            asked.nth = *count;
            world.seen.push(asked.clone());
            match script(&asked, places) {
                None => Answer::Raw(world.honest(&asked, &body, places)),
                Some(Lie::Instead(answer)) => answer,
                Some(Lie::After(answer)) => {
                    world.honest(&asked, &body, places);
                    answer
                }
            }
        };
        let sent = match answer {
            Answer::Raw(bytes) => out.write_all(&bytes),
            Answer::Last(bytes) => {
                let _ = out.write_all(&bytes);
                let _ = out.shutdown(Shutdown::Both);
                return;
            }
            Answer::Pour(head, block, times) => {
                let poured = out
                    .write_all(&head)
                    .and_then(|()| (0..times).try_for_each(|_| out.write_all(&block)));
                let _ = out.shutdown(Shutdown::Both);
                poured
            }
        };
        if sent.is_err() {
            return;
        }
    }
}

/// One request, or the end of the connection.
fn read(reader: &mut BufReader<&TcpStream>, is_graph: bool) -> Option<(Asked, Vec<u8>)> {
    let mut line = String::new();
    if reader.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let mut headers = HashMap::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(':') else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length");
    let length = length.map_or(0, |length| length.parse().expect("a length"));
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let mut words = line.split(' ');
    let (method, path) = (words.next()?, words.next()?);
    let what = match (is_graph, method) {
        (true, "POST") if path.ends_with("/createUploadSession") => What::Create,
        (true, "POST") if path.ends_with("/attachments") => What::Post,
        (true, "GET") if path.ends_with("/$value") => What::Content,
        (true, "GET") if path.contains("/attachments?") => What::List,
        (true, "GET") if path.contains("/attachments/") => What::Attachment,
        (false, "PUT") if path.starts_with("/up/") => What::Put,
        (false, "GET") if path.starts_with("/up/") => What::Ask,
        (false, "DELETE") if path.starts_with("/up/") => What::Delete,
        _ => What::Stray,
    };
    let numbers: Vec<usize> = headers
        .get("content-range")
        .map_or("", String::as_str)
        .split(|c: char| !c.is_ascii_digit())
        .filter_map(|digits| digits.parse().ok())
        .collect();
    let asked = Asked {
        what,
        nth: 0,
        line: line.trim_end().to_owned(),
        bearer: headers.contains_key("authorization"),
        range: numbers
            .get(..2)
            .map_or((0, 0), |range| (range[0], range[1] + 1)),
        total: numbers.get(2).copied().unwrap_or_default(),
    };
    Some((asked, body))
}

impl World {
    fn attach(&mut self, name: String, content: Vec<u8>) -> String {
        self.made += 1;
        let id = format!("AAMkA{}=", self.made);
        self.held.push(Held {
            id: id.clone(),
            name,
            content,
        });
        id
    }

    /// What an honest service does, and says.
    fn honest(&mut self, asked: &Asked, body: &[u8], places: &Places) -> Vec<u8> {
        let gone = || {
            reply(
                404,
                &json!({"error": {"code": "ErrorItemNotFound", "message": "gone"}}),
            )
        };
        match asked.what {
            What::List => {
                let list: Vec<Value> = self
                    .held
                    .iter()
                    .map(|held| json!({"id": held.id, "name": held.name, "size": held.content.len() + 237}))
                    .collect();
                reply(200, &json!({"value": list}))
            }
            What::Attachment => {
                let held = self
                    .held
                    .iter()
                    .find(|held| asked.line.contains(held.id.trim_end_matches('=')));
                match held {
                    Some(held) => reply(200, &json!({"id": held.id, "name": held.name})),
                    None => gone(),
                }
            }
            What::Create => {
                let body: Value = serde_json::from_slice(body).expect("JSON");
                let name = body["AttachmentItem"]["name"].as_str().expect("a name");
                self.session = Some((name.to_owned(), Vec::new()));
                let url = format!("{}/up/1?authtoken={SECRET}", places.upload);
                reply(
                    201,
                    &json!({"uploadUrl": url, "nextExpectedRanges": ["0-"]}),
                )
            }
            What::Post => {
                let body: Value = serde_json::from_slice(body).expect("JSON");
                let content = body["contentBytes"].as_str().expect("content");
                let engine = base64::engine::general_purpose::STANDARD;
                let content = base64::Engine::decode(&engine, content).expect("base64");
                let name = body["name"].as_str().expect("a name").to_owned();
                let id = self.attach(name.clone(), content);
                reply(201, &json!({"id": id, "name": name}))
            }
            What::Content => {
                let held = self
                    .held
                    .iter()
                    .find(|held| asked.line.contains(held.id.trim_end_matches('=')));
                match held {
                    Some(held) => with_head("200 OK", "", &held.content),
                    None => gone(),
                }
            }
            What::Put => {
                let Some((name, content)) = &mut self.session else {
                    return gone();
                };
                if asked.range.0 != content.len() {
                    return reply(
                        416,
                        &json!({"error": {"code": "invalidRange", "message": "no"}}),
                    );
                }
                content.extend_from_slice(body);
                if content.len() < asked.total {
                    let next = content.len().to_string();
                    return reply(200, &json!({"nextExpectedRanges": [next]}));
                }
                let (name, content) = (std::mem::take(name), std::mem::take(content));
                self.session = None;
                let id = self.attach(name, content);
                let location = format!("Location: {}/x/Attachments('{id}')\r\n", places.upload);
                with_head("201 Created", &location, b"")
            }
            What::Ask => match &self.session {
                Some((_, content)) => reply(
                    200,
                    &json!({"nextExpectedRanges": [content.len().to_string()]}),
                ),
                None => gone(),
            },
            What::Delete => {
                self.session = None;
                with_head("204 No Content", "", b"")
            }
            What::Stray => gone(),
        }
    }
}

/// A whole answer: status line, further headers (each with its line end), body.
pub(crate) fn with_head(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = head(status, headers, body.len()).into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// The head of an answer whose body has `length` bytes.
pub(crate) fn head(status: &str, headers: &str, length: usize) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\n\r\n")
}

/// A JSON answer.
pub(crate) fn reply(status: u16, body: &Value) -> Vec<u8> {
    let headers = "Content-Type: application/json\r\n";
    with_head(
        &format!("{status} Word"),
        headers,
        body.to_string().as_bytes(),
    )
}
