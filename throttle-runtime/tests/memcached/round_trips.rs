//! The number of round trips of a decision.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use throttle_runtime::backend::{Backend, Charge, Memcached, Mode};
use throttle_runtime::strategy::FixedWindow;
use throttle_runtime::{Key, Quota, Rates};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::server::Server;

/// A proxy between a backend and its server that counts round trips. Data that arrives within a moment is
/// passed on as one request, because requests that are sent without a wait for a reply take no additional time.
struct Proxy {
    address: String,
    trips: Arc<AtomicUsize>,
}

/// Longer than a task takes to send all of its data.
const MOMENT: Duration = Duration::from_millis(40);

impl Proxy {
    async fn before(server: &Server) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let server = TcpStream::connect(server.address()).await.expect("the server");
        let trips = Arc::new(AtomicUsize::new(0));
        tokio::spawn(pass_on(listener, server, Arc::clone(&trips)));
        Self { address, trips }
    }

    /// Returns the number of round trips since the last call.
    fn trips(&self) -> usize {
        self.trips.swap(0, Ordering::SeqCst)
    }
}

async fn pass_on(listener: TcpListener, server: TcpStream, trips: Arc<AtomicUsize>) {
    let (client, _) = listener.accept().await.expect("a client");
    let ((mut requests, mut to_client), (mut replies, mut to_server)) =
        (client.into_split(), server.into_split());
    tokio::spawn(async move { copy(&mut replies, &mut to_client).await });
    let mut bytes = Vec::new();
    while requests.read_buf(&mut bytes).await.is_ok_and(|read| read > 0) {
        let rest = async { while requests.read_buf(&mut bytes).await.is_ok_and(|read| read > 0) {} };
        // It continues until the moment is over.
        let _ = timeout(MOMENT, rest).await;
        trips.fetch_add(1, Ordering::SeqCst);
        to_server.write_all(&bytes).await.expect("the server");
        bytes.clear();
    }
}

/// The costs of decisions in the documentation of `Memcached`.
#[tokio::test]
async fn an_admission_is_two_round_trips_and_a_denial_one() {
    let server = Server::start();
    let proxy = Proxy::before(&server).await;
    let backend = Memcached::new([&proxy.address]);
    let rates: Rates = "2/day, 9/week".parse().expect("rates");
    let decide = async |keys: &[&str], mode| {
        let keys: Vec<Key> = keys.iter().map(|key| Key::from(*key)).collect();
        let charges: Vec<_> = keys.iter().map(|key| Charge::new("t", key, &FixedWindow, &rates, 1)).collect();
        let verdict = backend.decide(&charges, mode).await.expect("a verdict");
        (verdict.quotas.iter().all(Quota::fits), proxy.trips())
    };
    // The first decision of a namespace creates its generation.
    decide(&["z"], Mode::Consume).await;
    let steps = [
        ("of an identity that is new", &["a"][..], Mode::Consume, (true, 2)),
        ("of one that is known", &["a"], Mode::Consume, (true, 2)),
        ("that is denied", &["a"], Mode::Consume, (false, 1)),
        ("that is denied again", &["a"], Mode::Consume, (false, 1)),
        ("that is only asked", &["a"], Mode::Peek, (false, 1)),
        ("that is only asked, and would be admitted", &["b"], Mode::Peek, (true, 1)),
        ("of two identities that is denied", &["a", "b"], Mode::Consume, (false, 1)),
        ("of two identities", &["b", "c"], Mode::Consume, (true, 9)),
        ("of three identities", &["b", "d", "e"], Mode::Consume, (true, 13)),
    ];
    for (which, keys, mode, expected) in steps {
        assert_eq!(decide(keys, mode).await, expected, "a decision {which}");
    }
}
