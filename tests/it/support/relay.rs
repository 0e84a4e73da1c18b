//! A network that changes what comes back: a TCP relay on loopback that replaces one text by another
//! of the same length, on the way from the server only.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    thread,
};

/// Starts a relay to `server` (`host:port`) and returns its own `host:port`. It ends with the
/// process.
pub(crate) fn start(server: &str, from: &'static str, to: &'static str) -> String {
    assert_eq!(from.len(), to.len());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = server.to_owned();
    thread::spawn(move || {
        for client in listener.incoming() {
            let (client, server) = (client.unwrap(), TcpStream::connect(&server).unwrap());
            let (up, down) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            thread::spawn(move || carry(up, server, None));
            thread::spawn(move || carry(down, client, Some((from, to))));
        }
    });
    address
}

fn carry(mut from: TcpStream, mut to: TcpStream, change: Option<(&str, &str)>) {
    let mut buffer = [0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        let mut bytes = buffer[..count].to_vec();
        if let Some((old, new)) = change {
            let at = bytes
                .windows(old.len())
                .position(|part| part == old.as_bytes());
            if let Some(at) = at {
                bytes[at..at + new.len()].copy_from_slice(new.as_bytes());
            }
        }
        if to.write_all(&bytes).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
