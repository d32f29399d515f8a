//! Requests: the services of the `http` benchmark, with sequential requests over one connection.

use std::error::Error;
use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;

use super::{Callgrind, FIRST, Instructions, counted};
use crate::http::{BARE, MODES, Mode, content_length};
use crate::report::Record;

/// The cell of the handler without a limiter.
pub(super) const BARE_CELL: &str = "request/bare";

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n";

/// A cell: a service.
pub(super) struct Cell {
    mode: &'static Mode,
    name: String,
}

/// Returns all services that `wanted` selects, and the bare one in addition to any other.
pub(super) fn all(wanted: impl Fn(&str, &str) -> bool) -> impl Iterator<Item = Cell> {
    let cell = |mode: &'static Mode| Cell { mode, name: format!("request/{}", mode.cell) };
    let is_wanted = move |cell: &Cell| wanted(&cell.name, cell.mode.subject);
    let any = MODES.iter().map(cell).any(|cell| is_wanted(&cell));
    MODES.iter().map(cell).filter(move |cell| is_wanted(cell) || any && cell.mode.name == BARE)
}

impl Cell {
    pub(super) fn count(
        &self,
        callgrind: &Callgrind,
        many: u64,
        reps: usize,
    ) -> Result<Record<Instructions>, Box<dyn Error>> {
        counted((&self.name, self.mode.subject), (many, reps), || self.between_marks(callgrind, many))
    }

    /// Returns the instructions of a server for `requests` requests, after a warm-up.
    fn between_marks(&self, callgrind: &Callgrind, requests: u64) -> Result<u64, Box<dyn Error>> {
        let mut server = callgrind.start(&["serve-counted", self.mode.name])?;
        let mut told = BufReader::new(server.process.stdout.take().ok_or("no output")?);
        let mut line = String::new();
        told.read_line(&mut line)?;
        let mut stream = TcpStream::connect(("127.0.0.1", line.trim().parse()?))?;
        stream.set_nodelay(true)?;
        let mut passed = 0;
        for part in [FIRST, requests] {
            for _ in 0..part {
                until_idle(server.process.id())?;
                stream.write_all(REQUEST)?;
                passed += u64::from(answer(&mut stream)?);
            }
            until_idle(server.process.id())?;
            server.process.stdin.as_mut().ok_or("no input")?.write_all(b"\n")?;
            told.read_line(&mut line)?;
        }
        let expected = if self.mode.cell == "denied" { 1 } else { FIRST + requests };
        if passed != expected {
            return Err(format!("{} let {passed} requests pass, not {expected}", self.mode.name).into());
        }
        server.between_marks()
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
