//! Examples as processes.

#![allow(
    dead_code,
    unreachable_pub,
    missing_debug_implementations,
    missing_docs,
    reason = "each test file uses its part"
)]

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

/// A running example. It ends when this value is dropped, also if the test fails.
pub struct Example {
    process: Child,
    pub address: SocketAddr,
    /// Kept open, because a process that writes into a closed pipe panics.
    pub output: BufReader<ChildStdout>,
}

impl Example {
    /// Starts an example on a free port, and waits until it prints its address.
    pub fn start(name: &str) -> Self {
        Self::start_with(name, &[])
    }

    pub fn start_with(name: &str, variables: &[(&str, &str)]) -> Self {
        let test = std::env::current_exe().expect("this test is a file");
        let profile = test.parent().and_then(|deps| deps.parent()).expect("target/PROFILE/deps");
        let file = profile.join("examples").join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
        assert!(
            file.exists(),
            "{} is not built: run `cargo build --workspace --all-features --examples`",
            file.display()
        );
        let mut process = Command::new(file)
            .env("PORT", "0")
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the example starts");
        let mut output = BufReader::new(process.stdout.take().expect("its output"));
        let mut line = String::new();
        output.read_line(&mut line).expect("a first line");
        let address = line.split("http://").nth(1).and_then(|rest| rest.split('/').next());
        let address = address.and_then(|address| address.parse().ok());
        Self { process, address: address.unwrap_or_else(|| panic!("no address in {line:?}")), output }
    }

    pub fn get(&self, path: &str) -> Answer {
        self.get_with(path, &[])
    }

    pub fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send("GET", path, headers, "").answer()
    }

    /// Sends a request on a connection of its own, without waiting for the response.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Pending {
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: example\r\nconnection: close\r\n");
        for (name, value) in headers {
            request.extend([name, ": ", value, "\r\n"]);
        }
        request.push_str("\r\n");
        request.push_str(body);
        let mut stream = TcpStream::connect(self.address).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
        stream.write_all(request.as_bytes()).expect("the request is sent");
        Pending(stream)
    }

    /// Returns how often a request passes until it is denied, and the denial.
    pub fn exhaust(&self, path: &str, headers: &[(&str, &str)]) -> (usize, Answer) {
        let mut answers = (0..100).map(|_| self.get_with(path, headers)).enumerate();
        answers.find(|(_, answer)| answer.status != 200).expect("a limit")
    }

    /// Ensures that the limits of that path have at least `left` seconds left in their window, so that no
    /// window begins while a test counts. Takes one request.
    pub fn early_in_the_window(&self, path: &str, headers: &[(&str, &str)], left: u64) {
        for _ in 0..20 {
            let answer = self.get_with(path, headers);
            // A decision that misses its deadline, on a busy machine, denies without this field.
            let Some(field) = answer.fields.get("ratelimit") else { continue };
            let rest = field.rsplit(";t=").next().and_then(|seconds| seconds.parse().ok());
            let rest: u64 = rest.expect("the seconds that are left");
            if rest >= left {
                return;
            }
            std::thread::sleep(Duration::from_secs(rest));
        }
        panic!("no field says when the window ends");
    }

    /// Ends it as Ctrl-C does, and returns the rest of its output.
    #[cfg(unix)]
    pub fn end(&mut self) -> String {
        let asked = std::time::Instant::now();
        while !handles_interrupts(self.process.id()) {
            assert!(asked.elapsed() < Duration::from_secs(20), "it does not handle Ctrl-C");
            std::thread::sleep(Duration::from_millis(5));
        }
        let interrupt = Command::new("kill").args(["-INT", &self.process.id().to_string()]).status();
        assert!(interrupt.expect("the program `kill`").success());
        assert!(self.process.wait().expect("it ends").success());
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).expect("what it said");
        rest.lines().last().unwrap_or_default().to_owned()
    }
}

/// Returns whether a process has a handler of Ctrl-C, which would end it otherwise. The process installs the
/// handler after it prints its address. Where there is no `/proc`, this function waits a little instead.
#[cfg(unix)]
fn handles_interrupts(process: u32) -> bool {
    let Ok(status) = std::fs::read_to_string(format!("/proc/{process}/status")) else {
        std::thread::sleep(Duration::from_millis(200));
        return true;
    };
    let handled = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let handled = handled.and_then(|signals| u64::from_str_radix(signals.trim(), 16).ok());
    // The second bit stands for SIGINT.
    handled.is_some_and(|signals| signals & 0b10 != 0)
}

impl Drop for Example {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A request whose response was not read yet.
pub struct Pending(TcpStream);

impl Pending {
    /// Returns when the first bytes of the response have arrived, which stay to be read.
    pub fn begun(self) -> Self {
        assert!(self.0.peek(&mut [0]).expect("an answer") > 0, "no answer");
        self
    }

    pub fn answer(mut self) -> Answer {
        let mut bytes = Vec::new();
        self.0.read_to_end(&mut bytes).expect("an answer");
        let text = String::from_utf8(bytes).expect("text");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok());
        let fields = lines.filter_map(|line| line.split_once(": "));
        let fields = fields.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
        Answer { status: status.expect("a status"), fields, body: body.to_owned() }
    }
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub fields: HashMap<String, String>,
    pub body: String,
}

impl Answer {
    pub fn field(&self, name: &str) -> &str {
        self.fields.get(name).unwrap_or_else(|| panic!("no `{name}` in {self:?}"))
    }

    pub fn retry_after(&self) -> u64 {
        self.field("retry-after").parse().expect("whole seconds")
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }
}
