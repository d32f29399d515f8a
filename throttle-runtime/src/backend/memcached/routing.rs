//! The servers, and which server stores a key: the server with the highest score (rendezvous hashing, D.
//! Thaler, C. Ravishankar, 1998). The loss of a server moves only its own keys.

use std::hash::Hasher;
use std::sync::{Arc, RwLock};

use siphasher::sip::SipHasher13;

use super::connection::Connection;
use super::protocol::{Command, Reply};
use crate::error::{BackendError, ErrorKind};
use crate::util::sync;

#[derive(Debug)]
pub(super) struct Nodes(Vec<Node>);

#[derive(Debug)]
struct Node {
    address: String,
    /// Opened at the first use, because a connection needs the runtime. Opened again if that runtime has ended.
    connection: RwLock<Option<Arc<Connection>>>,
}

impl Nodes {
    pub(super) fn new(addresses: impl IntoIterator<Item = String>) -> Self {
        let node = |address| Node { address, connection: RwLock::default() };
        Self(addresses.into_iter().map(node).collect())
    }

    /// Waits until a connection to every server was tried.
    pub(super) async fn ready(&self) -> Result<(), BackendError> {
        for node in &self.0 {
            node.connection().ready().await?;
        }
        self.of("").map(drop)
    }

    pub(super) async fn ask(&self, key: &str, command: Command<'_>) -> Result<Reply, BackendError> {
        self.of(key)?.connection().ask(command).await
    }

    /// Sends a command to all servers.
    pub(super) async fn ask_all(&self, command: Command<'_>) -> Result<(), BackendError> {
        for node in &self.0 {
            node.connection().ask(command).await?;
        }
        Ok(())
    }

    /// Ends all connections.
    pub(super) fn close(&self) {
        self.0.iter().filter_map(Node::open).for_each(|connection| connection.close());
    }

    fn of(&self, key: &str) -> Result<&Node, BackendError> {
        let best = self.0.iter().max_by_key(|node| score(&node.address, key));
        best.ok_or_else(|| BackendError::new(ErrorKind::Connection, "no Memcached server is configured"))
    }
}

impl Node {
    fn connection(&self) -> Arc<Connection> {
        if let Some(connection) = self.open() {
            return connection;
        }
        let mut place = sync::write(&self.connection);
        // Another task may have opened a connection meanwhile.
        let open = place.take().filter(|connection| !connection.is_gone());
        let connection = open.unwrap_or_else(|| Arc::new(Connection::open(self.address.clone())));
        Arc::clone(place.insert(connection))
    }

    /// Returns the open connection.
    fn open(&self) -> Option<Arc<Connection>> {
        let place = sync::read(&self.connection);
        place.as_ref().filter(|connection| !connection.is_gone()).cloned()
    }
}

/// Returns the score of a server for a key, which is the same in every process.
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
