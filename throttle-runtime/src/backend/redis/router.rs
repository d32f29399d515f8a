//! The server of each state.

use std::fmt;
use std::sync::Arc;

use redis::{Cmd, Value};

use super::cluster::Cluster;
use super::connection::{Slot, connector};
use super::partition;
use super::partition::Part;
use super::scripts::Loaded;
use crate::BackendError;

/// All servers of a backend.
#[derive(Clone)]
pub(crate) enum Servers {
    One(Arc<Slot>),
    Cluster(Arc<Cluster>),
}

impl Servers {
    /// Returns the connection to the server with the states of a lane.
    pub(super) fn of(&self, lane: u16) -> Result<Arc<Slot>, BackendError> {
        match self {
            Self::One(slot) => Ok(Arc::clone(slot)),
            Self::Cluster(cluster) => cluster.of(lane),
        }
    }

    /// Returns the connections to all servers.
    pub(super) fn all(&self) -> Result<Vec<Arc<Slot>>, BackendError> {
        match self {
            Self::One(slot) => Ok(vec![Arc::clone(slot)]),
            Self::Cluster(cluster) => cluster.all(),
        }
    }

    /// Returns the common lane of these names, if there is one. A lane is a hash slot, because a script may use
    /// only one.
    pub(super) fn lane(&self, names: &[Arc<str>]) -> Option<u16> {
        match self {
            Self::One(_) => Some(0),
            Self::Cluster(_) => partition::lane(names),
        }
    }

    /// Groups these names by their lanes, in ascending order of the lanes.
    pub(super) fn parts(&self, names: &[Arc<str>]) -> Vec<Part> {
        match self {
            Self::One(_) => vec![Part::whole(0, names)],
            Self::Cluster(_) => Part::of(names),
        }
    }

    pub(super) async fn connect(&self) -> Result<(), BackendError> {
        match self {
            Self::One(slot) if slot.is_connected() => Ok(()),
            Self::One(slot) => connector::connect(slot).await,
            Self::Cluster(cluster) => cluster.connect().await,
        }
    }

    pub(super) fn is_connected(&self) -> bool {
        match self {
            Self::One(slot) => slot.is_connected(),
            Self::Cluster(cluster) => cluster.is_connected(),
        }
    }

    pub(super) fn close(&self) {
        match self {
            Self::One(slot) => slot.close(),
            Self::Cluster(cluster) => cluster.close(),
        }
    }

    /// Runs a script on the states of one lane.
    pub(super) async fn run(
        &self,
        script: &Loaded,
        part: &Part,
        arguments: impl Fn(&mut Cmd),
    ) -> Result<Value, BackendError> {
        let command = |verb, script: &str| {
            let mut command = redis::cmd(verb);
            command.arg(script).arg(part.names.len());
            part.names.iter().for_each(|name| {
                command.arg(&**name);
            });
            arguments(&mut command);
            command
        };
        let slot = self.of(part.lane)?;
        script.run(|verb, script| slot.send(command(verb, script))).await
    }
}

impl fmt::Debug for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(slot) => slot.fmt(f),
            Self::Cluster(cluster) => cluster.fmt(f),
        }
    }
}
