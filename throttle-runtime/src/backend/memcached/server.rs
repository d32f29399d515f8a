//! A Memcached server for one test.

use super::{port, signal};

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

pub(crate) struct Server {
    process: Child,
    pub(crate) port: u16,
    options: &'static [&'static str],
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    /// Starts a server with options of the command line.
    pub(crate) fn with(options: &'static [&'static str]) -> Self {
        let port = port::free();
        Self { process: run(port, options), port, options }
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Sends a text, and returns the reply up to `end`.
    pub(crate) fn say(&self, text: &str, end: &str) -> String {
        let mut stream = TcpStream::connect(self.address()).expect("a connection");
        stream.write_all(text.as_bytes()).expect("written");
        let mut answer = Vec::new();
        while !answer.ends_with(end.as_bytes()) {
            let mut bytes = [0; 1_024];
            let read = stream.read(&mut bytes).expect("an answer");
            assert!(read > 0, "the answer ends early");
            answer.extend_from_slice(&bytes[..read]);
        }
        String::from_utf8(answer).expect("text")
    }

    /// Ends the server, with all of its data.
    pub(crate) fn stop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    pub(crate) fn start_again(&mut self) {
        self.process = run(self.port, self.options);
    }

    /// Pauses the process with its connections open, or resumes it.
    pub(crate) fn signal(&self, name: &str) {
        signal::send(self.process.id(), name);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

fn run(port: u16, options: &[&str]) -> Child {
    let port_text = port.to_string();
    let arguments = ["-l", "127.0.0.1", "-p", &port_text, "-U", "0", "-u", "nobody"];
    let process = Command::new("memcached").args(arguments).args(options).stderr(Stdio::null()).spawn();
    let process =
        process.unwrap_or_else(|error| panic!("memcached: {error}: `apt-get install memcached` installs it"));
    let begun = Instant::now();
    while TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port))).is_err() {
        assert!(begun.elapsed() < Duration::from_secs(20), "memcached does not come up");
        thread::sleep(Duration::from_millis(5));
    }
    process
}
