//! Encrypted connections: which servers are trusted, by which certificates, and with which algorithms.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, Certificate, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::crypto::{CryptoProvider, ring};
use throttle_runtime::backend::{Backend, Charge, Mode, Redis, RedisBuilder};
use throttle_runtime::strategy::FixedWindow;
use throttle_runtime::{BackendError, ErrorKind, Key, Quota, Rate};
use tokio::time::sleep;

use crate::failures::{answer, recovers};
use crate::nodes::{Nodes, SLOTS, client_in, far_apart, id, slot_of};
use crate::port;
use crate::server::{DIRECTORY, Server};

/// A certificate authority.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "the authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("a certificate").pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// Issues a certificate for these names. Returns it with its key.
    fn certify(&self, names: &[&str]) -> (String, String) {
        let names: Vec<_> = names.iter().map(ToString::to_string).collect();
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(names).expect("names");
        let certificate: Certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        (certificate.pem(), key.serialize_pem())
    }

    /// Starts a server with a certificate for these names, which speaks TLS on the second port.
    fn server(&self, names: &[&str], options: &[&str]) -> (Server, u16) {
        let port = port::free();
        let all = self.options(port, names);
        let all: Vec<_> = all.iter().map(String::as_str).chain(options.iter().copied()).collect();
        (Server::with(&all), port)
    }

    /// Starts a node of a cluster with a password, which speaks TLS to the other nodes and on the second port.
    fn node(&self, password: &'static str) -> (Server, u16) {
        let port = port::free();
        let all = self.options(port, &["127.0.0.1"]);
        let all: Vec<_> = all.iter().map(String::as_str).chain(["--tls-cluster", "yes"]).collect();
        (Server::node_with(Some(password), &all), port)
    }

    /// Returns the options for a server that speaks TLS on a port.
    fn options(&self, port: u16, names: &[&str]) -> Vec<String> {
        let (certificate, key) = self.certify(names);
        let file = |kind: &str, content: &str| {
            let path = format!("{DIRECTORY}/{port}.{kind}.pem");
            std::fs::write(&path, content).expect("a file");
            path
        };
        let (certificate, key) = (file("cert", &certificate), file("key", &key));
        let (port, root) = (port.to_string(), file("ca", &self.pem));
        let all = ["--tls-port", &port, "--tls-cert-file", &certificate, "--tls-key-file", &key];
        let more = ["--tls-ca-cert-file", &root, "--tls-auth-clients", "no"];
        all.iter().chain(&more).map(ToString::to_string).collect()
    }
}

fn builder(host: &str, port: u16) -> RedisBuilder {
    Redis::builder(&format!("rediss://:s3cret@{host}:{port}")).remember_denied(false)
}

/// Connects. A machine may be too busy for one attempt, so timeouts are retried.
async fn connect(redis: &Redis) -> Result<(), BackendError> {
    for _ in 0..20 {
        match redis.initialize().await {
            Err(error) if error.is_timeout() => {}
            result => return result,
        }
    }
    panic!("no server answers");
}

#[tokio::test]
async fn decisions_are_encrypted_and_survive_a_restart() {
    let authority = Authority::new();
    let (server, port) = authority.server(&["127.0.0.1"], &[]);
    let redis =
        builder("127.0.0.1", port).root_certificate(authority.pem.clone()).build().expect("a backend");
    connect(&redis).await.expect("a connection");
    assert!(answer(&redis, 0).await.expect("a decision"));
    let clients: String = server.ask("CLIENT LIST");
    assert!(clients.lines().any(|line| line.contains(&format!("laddr=127.0.0.1:{port} "))), "{clients}");
    let _server = server.kill()();
    recovers(&redis).await;
    // The same with a URL that does not select TLS.
    let plain = Redis::builder(&format!("redis://127.0.0.1:{port}")).tls(true);
    let plain = plain.root_certificate(authority.pem).build().expect("a backend");
    connect(&plain).await.expect("a connection");
}

#[tokio::test]
async fn who_is_not_certified_by_an_authority_that_is_trusted_is_refused() {
    let (authority, another) = (Authority::new(), Authority::new());
    let (_server, port) = authority.server(&["127.0.0.1"], &[]);
    for wrong in [builder("127.0.0.1", port), builder("127.0.0.1", port).root_certificate(another.pem)] {
        let wrong = wrong.build().expect("a backend");
        let error = connect(&wrong).await.expect_err("a stranger");
        assert_eq!(error.kind(), ErrorKind::Connection);
        let source = std::error::Error::source(&error).expect("why").to_string();
        assert!(source.contains("invalid peer certificate"), "{source}");
        let told = format!("{error} {error:?} {wrong:?}");
        assert!(!told.contains("s3cret"), "{told}");
    }
}

#[tokio::test]
async fn who_is_certified_by_another_name_is_refused() {
    let authority = Authority::new();
    let (_server, port) = authority.server(&["localhost"], &[]);
    let by = |host| builder(host, port).root_certificate(authority.pem.clone()).build().expect("a backend");
    connect(&by("localhost")).await.expect("its name");
    let error = connect(&by("127.0.0.1")).await.expect_err("not its name");
    let source = std::error::Error::source(&error).expect("why").to_string();
    assert!(source.contains("not valid for name"), "{source}");
}

#[tokio::test]
async fn a_server_may_ask_who_one_is() {
    let authority = Authority::new();
    let (_server, port) = authority.server(&["127.0.0.1"], &["--tls-auth-clients", "yes"]);
    let builder = || builder("127.0.0.1", port).root_certificate(authority.pem.clone());
    connect(&builder().build().expect("a backend")).await.expect_err("nobody");
    let (certificate, key) = authority.certify(&["service"]);
    let redis = builder().client_certificate(certificate.clone(), key).build().expect("a backend");
    connect(&redis).await.expect("a connection");
    assert!(answer(&redis, 0).await.expect("a decision"));
    let (_, key) = authority.certify(&["service"]);
    let redis = builder().client_certificate(certificate, key).build().expect("a backend");
    let error = connect(&redis).await.expect_err("the key of another certificate");
    assert!(!format!("{error} {error:?}").contains("PRIVATE"), "{error:?}");
}

#[tokio::test]
async fn sentinels_and_their_master_are_reached_by_tls() {
    let authority = Authority::new();
    let (_master, port) = authority.server(&["127.0.0.1"], &["--tls-replication", "yes"]);
    let own = port::free();
    let (certificate, key) = authority.certify(&["127.0.0.1"]);
    let file = |kind: &str, content: &str| {
        let path = format!("{DIRECTORY}/{own}.{kind}.pem");
        std::fs::write(&path, content).expect("a file");
        path
    };
    let watch = format!(
        "tls-port {own}\ntls-cert-file {}\ntls-key-file {}\ntls-ca-cert-file {}\ntls-auth-clients no\n\
         tls-replication yes\nsentinel monitor it 127.0.0.1 {port} 1",
        file("cert", &certificate),
        file("key", &key),
        file("ca", &authority.pem),
    );
    let watch = Server::sentinel(None, &watch);
    let builder = |url: &str| Redis::sentinel([url], "it").root_certificate(authority.pem.clone());
    let redis = builder(&format!("rediss://127.0.0.1:{own}")).build().expect("a backend");
    connect(&redis).await.expect("a connection");
    answer(&redis, 0).await.expect("a decision");
    let redis = builder(&watch.url()).tls(true).build().expect("a backend");
    connect(&redis).await.expect("a sentinel that is not encrypted, and a master that is");
}

/// Returns the number of a node's clients that are connected to this port.
fn clients(node: &Server, port: u16) -> usize {
    let list: String = node.ask("CLIENT LIST");
    list.lines().filter(|line| line.contains(&format!("laddr=127.0.0.1:{port} "))).count()
}

#[tokio::test]
async fn a_cluster_is_reached_by_tls_and_a_password_and_follows_slots_by_them() {
    let (authority, another) = (Authority::new(), Authority::new());
    let (masters, ports): (Vec<_>, Vec<_>) = SLOTS.iter().map(|_| authority.node("s3cret")).unzip();
    let nodes = Nodes::of(masters, ports[0]);
    let by = |user: &str, root: &str| {
        let builder = Redis::cluster([format!("rediss://{user}127.0.0.1:{}", ports[1])]);
        builder.root_certificate(root).remember_denied(false).build().expect("a backend")
    };
    let redis = by(":s3cret@", &authority.pem);
    connect(&redis).await.expect("connections");
    for (slots, (node, port)) in SLOTS.iter().zip(nodes.masters.iter().zip(&ports)) {
        assert!(answer(&redis, client_in(node, slots)).await.expect("a decision"));
        // A node takes its time to notice that a connection has been closed.
        let started = Instant::now();
        while (clients(node, *port), clients(node, node.port)) != (1, 1) {
            assert!(started.elapsed() < Duration::from_secs(10), "only we are not encrypted");
            sleep(Duration::from_millis(10)).await;
        }
    }
    let (keys, rates) = (far_apart(&nodes), [Rate::per_day(3)]);
    let both = keys.each_ref().map(|key| Charge::new("both", key, &FixedWindow, &rates, 1));
    let verdict = redis.decide(&both, Mode::Consume).await.expect("a decision over two nodes");
    assert!(verdict.quotas.iter().all(|quota| quota.remaining() == 2));
    // A request whose slot has moved is redirected.
    let key = Key::from(client_in(&nodes.masters[0], &(5_000..=5_460)));
    let slot = slot_of(&nodes.masters[0], &key);
    for node in [2, 0, 1] {
        let () = nodes.masters[node].ask(&format!("CLUSTER SETSLOT {slot} NODE {}", id(&nodes.masters[2])));
    }
    let charge = [Charge::new("moved", &key, &FixedWindow, &rates, 1)];
    assert!(redis.decide(&charge, Mode::Consume).await.expect("a decision").quotas.iter().all(Quota::fits));
    for (user, root) in [("", &authority.pem), (":wr0ng@", &authority.pem), (":s3cret@", &another.pem)] {
        let stranger = by(user, root);
        let error = connect(&stranger).await.expect_err("a stranger");
        let told = format!("{error} {error:?} {stranger:?}");
        assert!(!told.contains("s3cret") && !told.contains("wr0ng"), "{told}");
    }
    for node in &nodes.masters {
        let () = node.ask("ACL SETUSER service on >own ~throttle:* +@all");
    }
    let service = by("service:own@", &authority.pem);
    connect(&service).await.expect("a user of its own");
    assert!(answer(&service, 1).await.expect("a decision"));
}

#[test]
fn what_cannot_be_meant_does_not_start() {
    let problem = |builder: RedisBuilder| builder.build().expect_err("it is wrong").to_string();
    let encrypted = || Redis::builder("rediss://:s3cret@localhost");
    let (certificate, key) = Authority::new().certify(&["service"]);
    for (builder, expected) in [
        (encrypted().root_certificate("s3cret"), "the root certificate is not PEM"),
        (encrypted().client_certificate("s3cret", "s3cret"), "the client certificate is not PEM"),
        (encrypted().client_certificate(certificate.clone(), "s3cret"), "the key of the client is not PEM"),
        (Redis::builder("redis://localhost").client_certificate(certificate, key), "begin with `rediss://`"),
        (Redis::builder("unix:///run/redis").tls(true), "begin with `rediss://`"),
        (Redis::builder("rediss://:s3cret@localhost#insecure"), "by which anybody may pass for the server"),
    ] {
        let problem = problem(builder);
        assert!(problem.contains(expected) && !problem.contains("s3cret"), "{problem}");
    }
}

const OWN: &str = "THROTTLE_TEST_OWN_ALGORITHMS";

/// In a process of its own, because the algorithms are selected once per process.
#[test]
fn algorithms_of_the_application_are_used() {
    let authority = Authority::new();
    let (_any, any) = authority.server(&["127.0.0.1"], &[]);
    let chacha = ["--tls-protocols", "TLSv1.3", "--tls-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"];
    let (_other, other) = authority.server(&["127.0.0.1"], &chacha);
    let mut child = Command::new(std::env::current_exe().expect("this program"));
    child.args(["--exact", "tls::an_application_with_algorithms", "--nocapture"]).stdout(Stdio::piped());
    child.env(OWN, format!("{any} {other} {DIRECTORY}/{any}.ca.pem"));
    let output = child.spawn().expect("a process").wait_with_output().expect("its output");
    let output = String::from_utf8(output.stdout).expect("text");
    assert!(output.contains("its own algorithms were used"), "{output}");
}

/// The work of that process. Does nothing if no test has started it.
#[tokio::test]
async fn an_application_with_algorithms() {
    let Ok(servers) = std::env::var(OWN) else { return };
    let mut servers = servers.split(' ');
    let mut provider = ring::default_provider();
    provider.cipher_suites.retain(|suite| format!("{suite:?}").contains("AES_128"));
    let count = provider.cipher_suites.len();
    provider.install_default().expect("the first");
    let mut redis = || {
        let port = servers.next().expect("a port").parse().expect("a number");
        builder("127.0.0.1", port)
    };
    let (any, other) = (redis(), redis());
    let root = std::fs::read(servers.next().expect("a file")).expect("a certificate");
    let redis = any.root_certificate(root.clone()).build().expect("a backend");
    connect(&redis).await.expect("a connection");
    let redis = other.root_certificate(root).build().expect("a backend");
    connect(&redis).await.expect_err("no algorithm in common");
    assert_eq!(CryptoProvider::get_default().expect("its own").cipher_suites.len(), count);
    println!("its own algorithms were used");
}

/// The client crate reports a lost connection only with the newer protocol version, so that version is tried
/// first.
#[tokio::test]
async fn f62_a_server_without_hello_is_used_by_tls() {
    let authority = Authority::new();
    let (server, port) = authority.server(&["localhost"], &["--rename-command", "HELLO", ""]);
    let url = format!("rediss://localhost:{port}");
    let redis = Redis::builder(&url).root_certificate(authority.pem.clone()).remember_denied(false);
    let redis = redis.build().expect("a backend");
    connect(&redis).await.expect("a connection");
    assert!(answer(&redis, 1).await.expect("a decision"));
    drop(server);
}
