//! Requests: sequential requests to a service over one connection, and messages of one WebSocket.

use std::error::Error;
use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;

use super::{Callgrind, Counter, FIRST, Instructions};
use crate::report::Record;
use crate::response::content_length;
use crate::services::{DENIED, SERVICES, Service, named};

/// A cell: a service.
pub(super) struct Cell {
    pub(super) service: &'static Service,
    name: String,
}

/// Returns the name of a service's cell.
pub(super) fn name(service: &Service) -> String {
    format!("request/{}", service.cell)
}

/// Returns all services that `wanted` selects, and the bare ones that they are compared with.
pub(super) fn all(wanted: impl Fn(&str, &str) -> bool) -> impl Iterator<Item = Cell> {
    let is_wanted = move |service: &Service| wanted(&name(service), service.subject);
    let bare: Vec<_> = SERVICES.iter().filter(|it| is_wanted(it)).map(|service| service.bare).collect();
    let services = SERVICES.iter().filter(move |it| is_wanted(it) || bare.contains(&it.name));
    services.map(|service| Cell { service, name: name(service) })
}

/// Returns the service without a limiter that is compared with a cell of a subject.
pub(super) fn bare_of(cell: &str, subject: &str) -> Option<&'static Service> {
    named(SERVICES.iter().find(|it| name(it) == cell && it.subject == subject)?.bare)
}

impl Cell {
    pub(super) fn count(&self, counter: &Counter) -> Result<Record<Instructions>, Box<dyn Error>> {
        counter.count((&self.name, self.service.subject), |callgrind| {
            self.between_marks(callgrind, counter.many)
        })
    }

    /// Returns the instructions of a server for `requests` requests, after a warm-up.
    fn between_marks(&self, callgrind: &Callgrind, requests: u64) -> Result<u64, Box<dyn Error>> {
        let mut server = callgrind.start(&["serve-counted", self.service.name])?;
        let mut told = BufReader::new(server.process.stdout.take().ok_or("no output")?);
        let mut line = String::new();
        told.read_line(&mut line)?;
        let mut client = Client::connect(self.service, line.trim().parse()?)?;
        let mut passed = 0;
        for part in [FIRST, requests] {
            for _ in 0..part {
                until_idle(server.process.id())?;
                passed += u64::from(client.passes()?);
            }
            until_idle(server.process.id())?;
            server.process.stdin.as_mut().ok_or("no input")?.write_all(b"\n")?;
            told.read_line(&mut line)?;
        }
        let expected = if self.service.cell == DENIED { 1 } else { FIRST + requests };
        if passed != expected {
            return Err(format!("{} let {passed} requests pass, not {expected}", self.service.name).into());
        }
        server.between_marks()
    }
}

/// A connection, with the bytes that it sends each time.
struct Client {
    stream: TcpStream,
    request: Vec<u8>,
    is_socket: bool,
}

/// A text message as a client sends it, with a mask of zeros, and as a server sends it (RFC 6455 section 5.2).
const MESSAGE: &[u8] = b"\x81\x85\0\0\0\0hello";
const ECHO: &[u8] = b"\x81\x05hello";

impl Client {
    fn connect(service: &Service, port: u16) -> Result<Self, Box<dyn Error>> {
        let Service { path, header, .. } = service;
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        if !service.is_socket() {
            let request = format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n{header}\r\n").into_bytes();
            return Ok(Self { stream, request, is_socket: false });
        }
        let handshake = format!(
            "GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(handshake.as_bytes())?;
        let mut buffer = [0; 1_024];
        let length = stream.read(&mut buffer)?;
        if !buffer[..length].starts_with(b"HTTP/1.1 101") {
            return Err("no upgrade to a WebSocket".into());
        }
        Ok(Self { stream, request: MESSAGE.to_vec(), is_socket: true })
    }

    /// Sends a request or a message, and reads the response. Returns whether it passed.
    fn passes(&mut self) -> io::Result<bool> {
        self.stream.write_all(&self.request)?;
        if self.is_socket {
            let mut echo = [0; ECHO.len()];
            self.stream.read_exact(&mut echo)?;
            return Ok(echo == *ECHO);
        }
        answer(&mut self.stream)
    }
}

/// Waits until a process sleeps. A request that arrives earlier is read without waking the server, which
/// takes fewer instructions.
fn until_idle(process: u32) -> io::Result<()> {
    loop {
        let about = fs::read_to_string(format!("/proc/{process}/stat"))?;
        // The state follows the name of the program, which is in brackets.
        if about.rsplit_once(')').is_some_and(|(_, fields)| fields.starts_with(" S")) {
            return Ok(());
        }
        std::thread::yield_now();
    }
}

/// Reads one response to its end. Returns whether its status is 2xx.
fn answer(stream: &mut TcpStream) -> io::Result<bool> {
    let (mut buffer, mut length) = ([0; 4_096], 0);
    loop {
        let read = stream.read(&mut buffer[length..])?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        length += read;
        let text = &buffer[..length];
        if let Some(head) = text.windows(4).position(|bytes| bytes == b"\r\n\r\n")
            && length >= head + 4 + content_length(&text[..head])
        {
            return Ok(text.starts_with(b"HTTP/1.1 2"));
        }
    }
}
