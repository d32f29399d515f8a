//! A Redis server for one test.

#![allow(
    dead_code,
    unreachable_pub,
    missing_debug_implementations,
    missing_docs,
    reason = "each uses its part"
)]

#[path = "../../throttle-runtime/src/backend/memcached/port.rs"]
mod port;
#[path = "../../throttle-runtime/src/backend/memcached/signal.rs"]
mod signal;

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A server on a free port, without persistence. It ends when this value is dropped.
pub struct Redis {
    address: SocketAddr,
    process: Option<Child>,
}

impl Redis {
    pub fn start() -> Self {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port::free()));
        let mut redis = Self { address, process: None };
        redis.start_again();
        redis
    }

    /// Starts it on the same port, empty.
    pub fn start_again(&mut self) {
        let port = self.address.port().to_string();
        let process = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port", &port])
            .stdout(Stdio::null())
            .spawn()
            .expect("no redis-server: install it with `apt-get install redis-server`");
        self.process = Some(process);
        let started = Instant::now();
        while TcpStream::connect(self.address).is_err() {
            assert!(started.elapsed() < Duration::from_secs(20), "redis-server does not answer");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Kills it without a shutdown, as `kill -9` does.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// Pauses the process. It does not respond when this function has returned.
    pub fn pause(&mut self) {
        self.signal("-STOP");
    }

    /// Resumes the process, which then handles what arrived meanwhile.
    pub fn resume(&mut self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        if let Some(process) = &self.process {
            signal::send(process.id(), signal);
        }
    }

    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}
