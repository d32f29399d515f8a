//! Which server is asked about which states.

use std::fmt;
use std::sync::Arc;

use redis::{Cmd, Value};

use super::cluster::{self, Cluster, Part};
use super::connect::{Slot, connector};
use super::scripts::Loaded;
use crate::BackendError;

/// All servers of a backend.
#[derive(Clone)]
pub(super) enum Servers {
    One(Arc<Slot>),
    Cluster(Arc<Cluster>),
}

impl Servers {
    /// The connection to where the states of a lane are.
    pub(super) fn of(&self, lane: u16) -> Result<Arc<Slot>, BackendError> {
        match self {
            Self::One(slot) => Ok(Arc::clone(slot)),
            Self::Cluster(cluster) => cluster.of(lane),
        }
    }

    /// The connections to all of them.
    pub(super) fn all(&self) -> Result<Vec<Arc<Slot>>, BackendError> {
        match self {
            Self::One(slot) => Ok(vec![Arc::clone(slot)]),
            Self::Cluster(cluster) => cluster.all(),
        }
    }

    /// The lane of these names, if it is one: a hash slot, as no script may touch two of them.
    pub(super) fn lane(&self, names: &[Arc<str>]) -> Option<u16> {
        match self {
            Self::One(_) => Some(0),
            Self::Cluster(_) => cluster::lane(names),
        }
    }

    /// These names by their lanes, in the order of these.
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

    /// Runs a script on states in one place.
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
