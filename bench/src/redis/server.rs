//! The servers of a run, on free ports and on a processor that the client does not use.

use std::error::Error;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, io, thread};

use crate::machine;

/// A running server.
pub(super) struct Server {
    process: Child,
    port: u16,
}

/// All servers.
pub(super) struct Servers {
    pub(super) redis: Server,
    /// Whether the Redis server supports `CL.THROTTLE`.
    pub(super) has_cell: bool,
    pub(super) throttlecrab: Option<Server>,
}

impl Servers {
    pub(super) fn start() -> Result<Self, Box<dyn Error>> {
        let module = cell();
        let redis = Server::start("redis-server", |command, port| {
            command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port", port]);
            if let Some(module) = &module {
                command.arg("--loadmodule").arg(module);
            }
        })?;
        let redis = redis.ok_or("no redis-server: install it with `apt-get install redis-server`")?;
        let throttlecrab = Server::start("throttlecrab-server", |command, port| {
            command.args(["--redis", "--redis-host", "127.0.0.1", "--redis-port", port]);
        })?;
        Ok(Self { redis, has_cell: module.is_some(), throttlecrab })
    }
}

/// Returns the file of the module redis-cell, if there is one.
fn cell() -> Option<PathBuf> {
    let usual = ["/usr/lib/redis/modules/libredis_cell.so", "/usr/local/lib/libredis_cell.so"];
    let usual = || usual.iter().map(PathBuf::from).find(|file| file.exists());
    env::var_os("REDIS_CELL").map(PathBuf::from).or_else(usual)
}

impl Server {
    /// Starts a server. Returns `None` if the program is not installed.
    fn start(
        program: &str,
        arguments: impl FnOnce(&mut Command, &str),
    ) -> Result<Option<Self>, Box<dyn Error>> {
        // The port is free now, and it is unlikely that another process takes it before the server does.
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let mut command = Command::new(program);
        arguments(&mut command, &port.to_string());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let asked = format!("{command:?}");
        // A process inherits the processor of the thread that starts it.
        let spawn = move || {
            machine::pin(0);
            command.spawn()
        };
        let process = match thread::spawn(spawn).join().map_err(|_| "no thread to start it from")? {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            process => process?,
        };
        let mut server = Self { process, port };
        let started = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if let Some(status) = server.process.try_wait()? {
                return Err(format!("ended at its start with {status}: {asked}").into());
            }
            if started.elapsed() > Duration::from_secs(20) {
                return Err(format!("{program} does not answer").into());
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(Some(server))
    }

    pub(super) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // These calls fail if the process has already ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
