//! Which server a key lives on: the one with the highest score of all (rendezvous hashing, D. Thaler, C. Ravishankar,
//! 1998), so that the loss of a server moves its own keys and no others.

use std::hash::Hasher;
use std::sync::{Arc, PoisonError, RwLock};

use siphasher::sip::SipHasher13;

use super::connection::Connection;
use super::protocol::{Command, Reply};
use crate::{BackendError, ErrorKind};

#[derive(Debug)]
pub(super) struct Nodes(Vec<Node>);

#[derive(Debug)]
struct Node {
    address: String,
    live: RwLock<Live>,
}

#[derive(Debug, Default)]
struct Live {
    /// Opened at the first use, since that is where the runtime is, and again on the next runtime.
    connection: Option<Arc<Connection>>,
    closed: bool,
}

impl Nodes {
    pub(super) fn new(addresses: impl IntoIterator<Item = String>) -> Self {
        let node = |address| Node { address, live: RwLock::default() };
        Self(addresses.into_iter().map(node).collect())
    }

    /// Waits until every server was tried.
    pub(super) async fn ready(&self) -> Result<(), BackendError> {
        for node in &self.0 {
            node.connection()?.ready().await?;
        }
        self.of("").map(drop)
    }

    pub(super) async fn ask(&self, key: &str, command: Command<'_>) -> Result<Reply, BackendError> {
        self.of(key)?.connection()?.ask(command).await
    }

    /// Asks all servers.
    pub(super) async fn ask_all(&self, command: Command<'_>) -> Result<(), BackendError> {
        for node in &self.0 {
            node.connection()?.ask(command).await?;
        }
        Ok(())
    }

    /// Ends all connections.
    pub(super) fn close(&self) {
        self.0.iter().for_each(Node::close);
    }

    fn of(&self, key: &str) -> Result<&Node, BackendError> {
        let best = self.0.iter().max_by_key(|node| score(&node.address, key));
        best.ok_or_else(|| BackendError::new(ErrorKind::Connection, "no Memcached server was named"))
    }
}

impl Node {
    fn connection(&self) -> Result<Arc<Connection>, BackendError> {
        let live = self.live.read().unwrap_or_else(PoisonError::into_inner);
        match &*live {
            Live { connection: Some(connection), closed: false } if !connection.has_ended() => {
                return Ok(Arc::clone(connection));
            }
            _ => drop(live),
        }
        let mut live = self.live.write().unwrap_or_else(PoisonError::into_inner);
        if live.closed {
            return Err(BackendError::new(ErrorKind::Closed, "the backend is closed"));
        }
        // Another one may have opened it meanwhile.
        let open = live.connection.take().filter(|connection| !connection.has_ended());
        let open = open.unwrap_or_else(|| Arc::new(Connection::open(self.address.clone())));
        Ok(Arc::clone(live.connection.insert(open)))
    }

    fn close(&self) {
        let mut live = self.live.write().unwrap_or_else(PoisonError::into_inner);
        live.closed = true;
        if let Some(connection) = live.connection.take() {
            connection.close();
        }
    }
}

/// The same in every process.
fn score(address: &str, key: &str) -> u64 {
    let mut hasher = SipHasher13::new();
    hasher.write(address.as_bytes());
    hasher.write_u8(0xff);
    hasher.write(key.as_bytes());
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::Nodes;

    #[test]
    fn a_server_that_is_gone_moves_only_its_own_keys() {
        let nodes = |addresses: &[&str]| Nodes::new(addresses.iter().map(|&address| address.to_owned()));
        let (three, two) = (nodes(&["a:1", "b:1", "c:1"]), nodes(&["a:1", "c:1"]));
        let mut shares = [0; 3];
        for key in (0..3_000).map(|number| number.to_string()) {
            let before = &three.of(&key).expect("a server").address;
            shares[usize::from(before.as_bytes()[0] - b'a')] += 1;
            if before != "b:1" {
                assert_eq!(&two.of(&key).expect("a server").address, before);
            }
        }
        assert!(shares.iter().all(|share| (900..1_100).contains(share)), "{shares:?}");
    }
}
