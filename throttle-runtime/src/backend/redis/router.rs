//! The server of each state.

use std::fmt;
use std::sync::Arc;

use redis::{Cmd, Value};

use super::cluster::Cluster;
use super::connection::{ConnectionHandle, connector};
use super::partition;
use super::partition::Partition;
use super::scripts::LuaScript;
use crate::error::BackendError;

/// All servers of a backend, and which of them has a hash slot.
#[derive(Clone)]
pub(super) enum Router {
    Single(Arc<ConnectionHandle>),
    Cluster(Arc<Cluster>),
}

impl Router {
    /// Returns the connection to the server with the states of a hash slot.
    pub(super) fn handle(&self, hash_slot: u16) -> Result<Arc<ConnectionHandle>, BackendError> {
        match self {
            Self::Single(handle) => Ok(Arc::clone(handle)),
            Self::Cluster(cluster) => cluster.master(hash_slot),
        }
    }

    /// Returns the connections to all servers.
    pub(super) fn handles(&self) -> Result<Vec<Arc<ConnectionHandle>>, BackendError> {
        match self {
            Self::Single(handle) => Ok(vec![Arc::clone(handle)]),
            Self::Cluster(cluster) => cluster.all(),
        }
    }

    /// Returns the common hash slot of these keys, if there is one. A script may use only one. A single server
    /// has the hash slot 0.
    pub(super) fn common_hash_slot(&self, keys: &[Arc<str>]) -> Option<u16> {
        match self {
            Self::Single(_) => Some(0),
            Self::Cluster(_) => partition::common_hash_slot(keys),
        }
    }

    /// Groups these keys by their hash slots, in ascending order.
    pub(super) fn split(&self, keys: &[Arc<str>]) -> Vec<Partition> {
        match self {
            Self::Single(_) => vec![Partition::single(0, keys)],
            Self::Cluster(_) => Partition::split(keys),
        }
    }

    pub(super) async fn connect(&self) -> Result<(), BackendError> {
        match self {
            Self::Single(handle) if handle.is_connected() => Ok(()),
            Self::Single(handle) => connector::connect(handle).await,
            Self::Cluster(cluster) => cluster.connect().await,
        }
    }

    pub(super) fn is_connected(&self) -> bool {
        match self {
            Self::Single(handle) => handle.is_connected(),
            Self::Cluster(cluster) => cluster.is_connected(),
        }
    }

    pub(super) fn close(&self) {
        match self {
            Self::Single(handle) => handle.close(),
            Self::Cluster(cluster) => cluster.close(),
        }
    }

    /// Runs a script on the states of one hash slot.
    pub(super) async fn run(
        &self,
        script: &LuaScript,
        partition: &Partition,
        arguments: impl Fn(&mut Cmd),
    ) -> Result<Value, BackendError> {
        let command = |verb, script: &str| {
            let mut command = redis::cmd(verb);
            command.arg(script).arg(partition.keys.len());
            partition.keys.iter().for_each(|key| {
                command.arg(&**key);
            });
            arguments(&mut command);
            command
        };
        let handle = self.handle(partition.hash_slot)?;
        script.run(|verb, script| handle.send(command(verb, script))).await
    }
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Single(handle) => handle.fmt(f),
            Self::Cluster(cluster) => cluster.fmt(f),
        }
    }
}
