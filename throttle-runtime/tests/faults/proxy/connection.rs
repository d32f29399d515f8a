//! One connection through the proxy: both directions, and how they can be ended early.

use std::io;
use std::sync::Arc;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::flow::{Flow, pump};
use super::{Counts, Event};

/// The signals that a connection receives.
#[derive(Clone)]
pub(super) struct Wires {
    pub(super) requests: watch::Receiver<Flow>,
    pub(super) replies: watch::Receiver<Flow>,
    pub(super) events: watch::Receiver<Event>,
    pub(super) counts: Arc<Counts>,
}

/// Serves a client until both directions have ended, or one has failed, which resets both.
pub(super) async fn serve(mut client: TcpStream, server: u16, mut wires: Wires) {
    let Ok(mut server) = TcpStream::connect(("127.0.0.1", server)).await else {
        let _ = client.set_zero_linger();
        return;
    };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    if pass_on(&mut client, &mut server, &mut wires).await.is_err() {
        // The sockets are closed by a reset instead of an orderly end.
        let _ = (client.set_zero_linger(), server.set_zero_linger());
    }
}

async fn pass_on(client: &mut TcpStream, server: &mut TcpStream, wires: &mut Wires) -> io::Result<()> {
    let Wires { requests, replies, events, counts } = wires;
    let ((from_client, mut to_client), (from_server, to_server)) = (client.split(), server.split());
    let asking = pump(from_client, to_server, requests.clone(), &counts.requests);
    let mut halves = events.clone();
    let telling = async {
        tokio::select! {
            ended = pump(from_server, &mut to_client, replies.clone(), &counts.replies) => ended,
            () = hears(&mut halves, Event::HalfClose) => to_client.shutdown().await,
        }
    };
    let mut strands = events.clone();
    tokio::select! {
        ended = async { tokio::try_join!(asking, telling) } => return ended.map(drop),
        () = hears(events, Event::Cut) => {}
        // No more data passes, and neither side is notified.
        () = hears(&mut strands, Event::Strand) => hears(&mut strands, Event::Cut).await,
    }
    Err(io::ErrorKind::ConnectionReset.into())
}

/// Waits until this event, or until the proxy is gone.
async fn hears(events: &mut watch::Receiver<Event>, event: Event) {
    while events.changed().await.is_ok() {
        if *events.borrow_and_update() == event {
            return;
        }
    }
}
