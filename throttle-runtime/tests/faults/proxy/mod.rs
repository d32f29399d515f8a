//! A proxy to a server that fails on command, while it is in use.

mod connection;
mod flow;

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use self::connection::{Wires, serve};
use self::flow::Flow;
use crate::port;

/// Listens on its own port, and connects to the server for each client. When it is dropped, it resets all
/// connections.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    server: u16,
    requests: watch::Sender<Flow>,
    replies: watch::Sender<Flow>,
    events: watch::Sender<Event>,
    counts: Arc<Counts>,
    /// Accepts connections.
    accepting: Option<JoinHandle<()>>,
    /// Bound, so that the port stays reserved, and not listening, so that connections are refused.
    refusing: Option<TcpSocket>,
}

/// An event that happens to all existing connections, once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    None,
    Cut,
    HalfClose,
    Strand,
}

#[derive(Debug, Default)]
struct Counts {
    accepted: AtomicU64,
    ended: AtomicU64,
    requests: AtomicU64,
    replies: AtomicU64,
}

impl Proxy {
    /// Creates a proxy to a port of this machine, which passes everything on at first.
    pub(crate) fn before(server: u16) -> Self {
        // When connections are refused, the port is free for a moment. No connection of another process takes it.
        let port = port::free();
        let socket = bound(port);
        let [requests, replies] = Flow::both(Flow::Pass);
        let (events, counts) = (watch::channel(Event::None).0, Arc::default());
        let (accepting, refusing) = (None, Some(socket));
        let mut proxy = Self { port, server, requests, replies, events, counts, accepting, refusing };
        proxy.listen();
        proxy
    }

    fn flow(&self, requests: Flow, replies: Flow) {
        self.requests.send_replace(requests);
        self.replies.send_replace(replies);
    }

    /// Passes everything on, including what was held until now.
    pub(crate) fn pass(&self) {
        self.flow(Flow::Pass, Flow::Pass);
    }

    /// Delays everything by this time, in each direction.
    pub(crate) fn delay(&self, by: Duration) {
        self.flow(Flow::Delay(by), Flow::Delay(by));
    }

    /// Passes replies on in pieces of this many bytes.
    pub(crate) fn trickle(&self, bytes: usize, every: Duration) {
        self.flow(Flow::Pass, Flow::Trickle { bytes, every });
    }

    /// Loses this percentage of packets, which their senders resend.
    pub(crate) fn lose(&self, of_hundred: u64) {
        self.flow(Flow::Lose(of_hundred), Flow::Lose(of_hundred));
    }

    /// Resets each connection, also new ones, after this many more bytes of replies.
    pub(crate) fn cut_after(&self, bytes: usize) {
        self.flow(Flow::Pass, Flow::CutAfter(bytes));
    }

    /// Passes requests on to the server, and drops replies. Later replies are dropped, too, because TCP has no
    /// gaps.
    pub(crate) fn swallow_replies(&self) {
        self.flow(Flow::Pass, Flow::Swallow);
    }

    /// Accepts connections, and holds everything until it may pass.
    pub(crate) fn blackhole(&self) {
        self.flow(Flow::Hold, Flow::Hold);
    }

    /// Inverts all bits of replies.
    pub(crate) fn corrupt(&self) {
        self.flow(Flow::Pass, Flow::Corrupt);
    }

    /// Resets all connections, on both sides, and waits until they are gone together with the data that they
    /// held.
    pub(crate) async fn cut(&self) {
        let before = self.accepted();
        self.events.send_replace(Event::Cut);
        while self.counts.ended.load(Ordering::Relaxed) < before {
            sleep(Duration::from_millis(1)).await;
        }
    }

    /// Ends replies in an orderly way on all connections, while requests may still arrive.
    pub(crate) fn half_close(&self) {
        self.events.send_replace(Event::HalfClose);
    }

    /// Stops all existing connections forever without notice to either side. New connections work.
    pub(crate) fn strand(&self) {
        self.events.send_replace(Event::Strand);
    }

    /// Refuses new connections. Existing connections continue.
    pub(crate) async fn refuse(&mut self) {
        if let Some(task) = self.accepting.take() {
            task.abort();
            // The port is free when the task has dropped its listener.
            let _ = task.await;
            self.refusing = Some(bound(self.port));
        }
    }

    /// Accepts connections again, on the same port.
    pub(crate) fn listen(&mut self) {
        if let Some(socket) = self.refusing.take() {
            let listener = socket.listen(1_024).expect("a listener");
            let wires = Wires {
                requests: self.requests.subscribe(),
                replies: self.replies.subscribe(),
                events: self.events.subscribe(),
                counts: Arc::clone(&self.counts),
            };
            self.accepting = Some(tokio::spawn(accept(listener, self.server, wires)));
        }
    }

    /// Returns how many connections were accepted.
    pub(crate) fn accepted(&self) -> u64 {
        self.counts.accepted.load(Ordering::Relaxed)
    }

    /// Returns how many bytes of requests and of replies were passed on.
    pub(crate) fn bytes(&self) -> [u64; 2] {
        [&self.counts.requests, &self.counts.replies].map(|count| count.load(Ordering::Relaxed))
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(task) = &self.accepting {
            task.abort();
        }
    }
}

/// Binds the port. A process that another test starts has a copy of each socket until its program begins, so the
/// port may remain in use for a moment after its listener is closed.
fn bound(port: u16) -> TcpSocket {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_reuseaddr(true).expect("an option");
    let began = Instant::now();
    while let Err(error) = socket.bind((Ipv4Addr::LOCALHOST, port).into()) {
        assert!(began.elapsed() < Duration::from_secs(20), "the port {port}: {error}");
        std::thread::sleep(Duration::from_millis(1));
    }
    socket
}

async fn accept(listener: TcpListener, server: u16, wires: Wires) {
    while let Ok((client, _)) = listener.accept().await {
        let mut wires = wires.clone();
        // Earlier events do not affect the connection. All events after it is counted do.
        wires.events.mark_unchanged();
        wires.counts.accepted.fetch_add(1, Ordering::Relaxed);
        tokio::spawn(async move {
            let counts = Arc::clone(&wires.counts);
            serve(client, server, wires).await;
            counts.ended.fetch_add(1, Ordering::Relaxed);
        });
    }
}
