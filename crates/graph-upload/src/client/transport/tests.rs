//! The transport against servers that send any bytes at all.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    thread,
};

use flate2::{Compression, write::GzEncoder};

use super::*;

/// Keeps what it is told.
#[derive(Debug, Default)]
struct Records(Mutex<Vec<RequestRecord>>);

impl RequestObserver for Records {
    fn request(&self, record: &RequestRecord) {
        locked(&self.0).push(record.clone());
    }
}

/// A server that handles each connection by `serve`; its URL. It ends with the process.
fn server(serve: impl Fn(TcpStream, usize) + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/path?q=hidden", listener.local_addr().unwrap());
    let serve = Arc::new(serve);
    thread::spawn(move || {
        for (nth, stream) in listener.incoming().enumerate() {
            let serve = Arc::clone(&serve);
            thread::spawn(move || serve(stream.unwrap(), nth));
        }
    });
    url
}

/// The head of the next request, or nothing at the end. Its body is read and dropped.
fn request(reader: &mut BufReader<&TcpStream>) -> String {
    let mut head = String::new();
    while reader.read_line(&mut head).unwrap_or(0) > 2 {}
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse::<usize>().unwrap())
    });
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).unwrap();
    head
}

fn transport(seconds: u64, records: &Arc<Records>) -> Transport {
    let mut options = HttpOptions::default();
    options.timeouts.idle = Duration::from_secs(seconds);
    let observer: Arc<dyn RequestObserver> = Arc::clone(records) as _;
    options.observer = Some(observer);
    Transport::new(options).unwrap()
}

fn get<'a>(url: &'a str, meter: &'a Meter) -> HttpRequest<'a> {
    HttpRequest {
        method: Method::GET,
        url,
        headers: Vec::new(),
        body: None,
        meter,
        secret: false,
        near: false,
    }
}

#[tokio::test]
async fn what_comes_compressed_unasked_is_read() {
    let content = b"{\"value\":[]}".repeat(1_000);
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(&content).unwrap();
    let gzip = gzip.finish().unwrap();
    let url = server(move |stream, _| {
        let mut reader = BufReader::new(&stream);
        let mut out = &stream;
        loop {
            let head = request(&mut reader).to_ascii_lowercase();
            if head.is_empty() {
                return;
            }
            assert!(head.contains("accept-encoding: identity\r\n"), "{head}");
            let length = gzip.len();
            write!(
                out,
                "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {length}\r\n\r\n"
            )
            .unwrap();
            out.write_all(&gzip).unwrap();
        }
    });
    let records = Arc::new(Records::default());
    let transport = transport(30, &records);
    let meter = Meter::default();
    let reply = transport
        .exchange(get(&url, &meter), 64 * 1024)
        .await
        .unwrap();
    assert!(reply.body == content);
    // No more comes out than was asked for.
    let reply = transport.exchange(get(&url, &meter), 1_000).await.unwrap();
    assert_eq!(reply.body.len(), 1_000);
    let mut poured = Vec::new();
    let sink = |bytes: &[u8]| {
        poured.extend_from_slice(bytes);
        ControlFlow::Continue(())
    };
    transport.download(get(&url, &meter), sink).await.unwrap();
    assert!(poured == content);
}

#[tokio::test]
async fn the_try_after_one_that_broke_goes_out_on_a_new_connection() {
    // Each connection answers once, says that it stays, and is closed at the next request.
    let url = server(|stream, _| {
        let mut reader = BufReader::new(&stream);
        let mut out = &stream;
        request(&mut reader);
        out.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            .unwrap();
        request(&mut reader);
    });
    let records = Arc::new(Records::default());
    let transport = transport(30, &records);
    let meter = Meter::default();
    let put = || HttpRequest {
        method: Method::PUT,
        body: Some(Bytes::from(vec![1; 100_000])),
        ..get(&url, &meter)
    };
    assert_eq!(transport.exchange(put(), 10).await.unwrap().status, 200);
    let lost = transport.exchange(put(), 10).await.unwrap_err();
    assert_eq!(lost.kind, ErrorKind::Lost);
    assert_eq!(transport.exchange(put(), 10).await.unwrap().status, 200);
    let records = locked(&records.0).clone();
    let told: Vec<_> = records
        .iter()
        .map(|record| (record.status, record.attempt, record.sent))
        .collect();
    assert_eq!(told[0], (Some(200), 1, 100_000));
    assert_eq!((told[1].0, told[1].1), (None, 1));
    assert_eq!(told[2], (Some(200), 2, 100_000));
    assert!(records[1].error.is_some());
    assert!(
        records.iter().all(|record| record.path == "/path"),
        "{records:?}"
    );
}

#[tokio::test]
async fn content_that_drips_is_idle() {
    let url = server(|stream, _| {
        let mut reader = BufReader::new(&stream);
        let mut out = &stream;
        request(&mut reader);
        out.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
            .unwrap();
        while out.write_all(b"x").is_ok() {
            thread::sleep(Duration::from_millis(100));
        }
    });
    let records = Arc::new(Records::default());
    let transport = transport(2, &records);
    let meter = Meter::default();
    let began = Instant::now();
    let error = transport
        .download(get(&url, &meter), |_| ControlFlow::Continue(()))
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Lost);
    assert!(error.message.contains("1 KiB a second"), "{error}");
    assert!(began.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn a_slow_line_is_not_idle() {
    let url = server(|stream, _| {
        let mut reader = BufReader::new(&stream);
        let mut out = &stream;
        request(&mut reader);
        out.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 12000\r\n\r\n")
            .unwrap();
        for _ in 0..12 {
            out.write_all(&[b'x'; 1_000]).unwrap();
            thread::sleep(Duration::from_millis(250));
        }
    });
    let transport = transport(1, &Arc::default());
    let meter = Meter::default();
    let mut read = 0;
    let sink = |bytes: &[u8]| {
        read += bytes.len();
        ControlFlow::Continue(())
    };
    transport.download(get(&url, &meter), sink).await.unwrap();
    assert_eq!(read, 12_000);
}

#[tokio::test]
async fn localhost_is_this_computer_and_secret_urls_show_no_path() {
    let url = server(|stream, _| {
        let mut reader = BufReader::new(&stream);
        request(&mut reader);
        (&stream)
            .write_all(b"HTTP/1.1 204 No Content\r\n\r\n")
            .unwrap();
    });
    let url = url.replace("127.0.0.1", "localhost");
    let records = Arc::new(Records::default());
    let transport = transport(30, &records);
    let meter = Meter::default();
    let request = HttpRequest {
        secret: true,
        ..get(&url, &meter)
    };
    assert_eq!(transport.exchange(request, 10).await.unwrap().status, 204);
    let record = locked(&records.0)[0].clone();
    assert_eq!(record.path, "/…");
    assert!(!format!("{record:?}").contains("hidden"), "{record:?}");
}
