//! A real server on its own port, which ends with the test.

#[path = "ways.rs"]
mod ways;

use super::{port, signal};

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use redis::{Client, Connection, FromRedisValue};
use tempfile::TempDir;
use throttle_runtime::backend::{Redis, RedisBuilder};

pub(crate) use self::ways::{Reached, Way};

/// A running `redis-server`.
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
    password: Option<&'static str>,
    options: Vec<String>,
    /// Its own directory, because it would load files that another server on its port has left.
    home: Arc<TempDir>,
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    pub(crate) fn with_password(password: &'static str) -> Self {
        Self::fresh(Some(password), &[])
    }

    /// Starts a server with options of the command line.
    pub(crate) fn with(options: &[&str]) -> Self {
        Self::fresh(None, options)
    }

    fn fresh(password: Option<&'static str>, options: &[&str]) -> Self {
        Self::on(port::free(), password, options.iter().map(ToString::to_string).collect(), home(), &[])
    }

    /// Starts a server with environment variables.
    pub(crate) fn with_environment(environment: &[(&str, &str)]) -> Self {
        Self::on(port::free(), None, Vec::new(), home(), environment)
    }

    /// The same for a node.
    pub(crate) fn node_with_environment(environment: &[(&str, &str)]) -> Self {
        Self::on(port::free(), None, NODE.map(str::to_owned).into(), home(), environment)
    }

    /// Starts a node of a cluster that has no slots and knows no other node yet.
    pub(crate) fn node() -> Self {
        Self::node_with(None, &[])
    }

    /// The same with a password, or more options.
    pub(crate) fn node_with(password: Option<&'static str>, more: &[&str]) -> Self {
        let options = NODE.iter().chain(more).map(ToString::to_string).collect();
        Self::on(port::free(), password, options, home(), &[])
    }

    fn on(
        port: u16,
        password: Option<&'static str>,
        options: Vec<String>,
        home: Arc<TempDir>,
        environment: &[(&str, &str)],
    ) -> Self {
        let mut command = Command::new(program());
        command.envs(environment.iter().copied());
        command.args([
            "--bind",
            "127.0.0.1",
            "--port",
            &port.to_string(),
            "--save",
            "",
            "--appendonly",
            "no",
        ]);
        command.arg("--dir").arg(home.path()).args(&options);
        if let Some(password) = password {
            command.args(["--requirepass", password]);
        }
        Self::by(command, port, password, options, home)
    }

    /// Starts a sentinel with this configuration.
    pub(crate) fn sentinel(password: Option<&'static str>, configuration: &str) -> Self {
        let (port, home) = (port::free(), home());
        let file = home.path().join("sentinel.conf");
        let directory = home.path().display();
        let configuration = format!("port {port}\nbind 127.0.0.1\ndir {directory}\n{configuration}");
        std::fs::write(&file, configuration).expect("a configuration");
        let mut command = Command::new(program());
        command.arg(&file).arg("--sentinel");
        Self::by(command, port, password, Vec::new(), home)
    }

    fn by(
        mut command: Command,
        port: u16,
        password: Option<&'static str>,
        options: Vec<String>,
        home: Arc<TempDir>,
    ) -> Self {
        let child = command.stdout(Stdio::null()).spawn();
        let child = child.expect("no redis-server: install it with `apt-get install redis-server`");
        let mut server = Self { child, port, password, options, home };
        let started = Instant::now();
        while server.try_connect().is_none() {
            let ended = server.child.try_wait().expect("a child");
            assert!(ended.is_none(), "redis-server has ended: {ended:?}");
            assert!(started.elapsed() < Duration::from_secs(20), "redis-server does not answer");
            sleep(Duration::from_millis(10));
        }
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) fn backend(&self) -> Redis {
        self.builder().build().expect("a backend")
    }

    /// Returns a builder without the cache of denials, so that every decision calls the server.
    pub(crate) fn builder(&self) -> RedisBuilder {
        Redis::builder(&self.url()).remember_denied(false)
    }

    /// Sends a command as another client of the server.
    pub(crate) fn ask<T: FromRedisValue>(&self, command: &str) -> T {
        self.try_ask(command).expect("an answer")
    }

    /// Returns whether the answer to a command contains these words. Returns false if the server closes the
    /// connection, as it does when its role changes.
    pub(crate) fn says(&self, command: &str, words: &str) -> bool {
        self.try_ask::<String>(command).is_some_and(|answer| answer.contains(words))
    }

    pub(crate) fn try_ask<T: FromRedisValue>(&self, command: &str) -> Option<T> {
        let mut words = command.split(' ');
        let mut command = redis::cmd(words.next().expect("a command"));
        words.for_each(|word| {
            command.arg(word);
        });
        command.query(&mut self.try_connect()?).ok()
    }

    /// Opens a connection of another client.
    pub(crate) fn connect(&self) -> Connection {
        self.try_connect().expect("a connection")
    }

    fn try_connect(&self) -> Option<Connection> {
        let mut connection = self.try_connect_unchecked()?;
        redis::cmd("PING").query::<String>(&mut connection).ok()?;
        Some(connection)
    }

    /// Opens a connection to a server that may not respond.
    pub(crate) fn connect_unchecked(&self) -> Connection {
        self.try_connect_unchecked().expect("a connection")
    }

    fn try_connect_unchecked(&self) -> Option<Connection> {
        let user = self.password.map(|password| format!(":{password}@")).unwrap_or_default();
        let client = Client::open(format!("redis://{user}127.0.0.1:{}", self.port)).ok()?;
        client.get_connection_with_timeout(Duration::from_secs(10)).ok()
    }

    /// Returns how often clients and scripts called a command.
    pub(crate) fn calls(&self, command: &str) -> u64 {
        let stats: String = self.ask("INFO commandstats");
        let start = format!("cmdstat_{command}:calls=");
        let line = stats.lines().find_map(|line| line.strip_prefix(&start));
        line.map_or(0, |line| line.split(',').next().expect("a number").parse().expect("a number"))
    }

    /// Ends the server like a power failure, and starts another one in its place.
    pub(crate) fn kill(mut self) -> impl FnOnce() -> Self {
        let (port, password, options) = (self.port, self.password, std::mem::take(&mut self.options));
        // The next server loads the data that it has saved.
        let home = Arc::clone(&self.home);
        self.end();
        move || Self::on(port, password, options, home, &[])
    }

    /// Pauses the server, with its connections open.
    pub(crate) fn stop(&self) {
        signal::send(self.child.id(), "-STOP");
    }

    pub(crate) fn resume(&self) {
        signal::send(self.child.id(), "-CONT");
    }

    fn end(&mut self) {
        // If it has ended by itself, there is nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

/// The options that make a server a node.
const NODE: [&str; 10] = [
    "--cluster-enabled",
    "yes",
    "--cluster-node-timeout",
    "2000",
    // A replica continues to try to be elected, however long a busy machine delays it.
    "--cluster-replica-validity-factor",
    "0",
    "--cluster-require-full-coverage",
    "no",
    "--repl-diskless-sync-delay",
    "0",
];

/// The directory for files that tests write.
pub(crate) const DIRECTORY: &str = env!("CARGO_TARGET_TMPDIR");

fn home() -> Arc<TempDir> {
    Arc::new(TempDir::new_in(DIRECTORY).expect("a directory"))
}

/// The program under test: Redis of any version, or Valkey.
fn program() -> String {
    std::env::var("THROTTLE_REDIS_SERVER").unwrap_or_else(|_| "redis-server".to_owned())
}
