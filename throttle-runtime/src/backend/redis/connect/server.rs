//! Where the server is: said once, or asked for before each connection.

use std::sync::{Arc, Weak};

use redis::{Client, RedisError};

use super::options::Options;
use super::progress::Progress;
use super::sentinels::Sentinels;
use crate::BackendError;
use crate::backend::redis::cluster::{Address, Cluster, Redirect, probe_key_in, speaks_against_map};

pub(in crate::backend::redis) enum Server {
    /// Always there.
    At(Client),
    /// Wherever sentinels say that the master is.
    Watched(Sentinels),
    /// One of several, as long as the others say so.
    Node {
        client: Client,
        address: Address,
        /// Hash slots that it has, as far as is known, from the first to the last: others are rejected there.
        hash_slots: Option<(u16, u16)>,
        cluster: Weak<Cluster>,
    },
}

impl Server {
    /// What to connect to now.
    pub(super) async fn locate(
        &self,
        options: &Options,
        progress: &Progress,
    ) -> Result<Client, BackendError> {
        match self {
            Self::At(client) | Self::Node { client, .. } => Ok(client.clone()),
            Self::Watched(sentinels) => sentinels.master(options, progress).await,
        }
    }

    /// A key of the namespace that can be written there, if it is known where that is.
    pub(super) fn probe_key(&self, namespace: &str) -> Option<String> {
        match self {
            Self::Node { hash_slots: None, .. } => None,
            Self::Node { hash_slots: Some(range), .. } => probe_key_in(namespace, *range),
            _ => Some(format!("{namespace}:probe")),
        }
    }

    /// The connection was lost, or there was none.
    pub(super) fn lost(&self) {
        if let Self::Node { address, cluster, .. } = self
            && let Some(cluster) = cluster.upgrade()
        {
            cluster.lost(address);
        }
    }

    /// What an error says about the cluster.
    pub(super) fn heed(&self, error: &RedisError) {
        if let Self::Node { cluster, .. } = self
            && speaks_against_map(error)
            && let Some(cluster) = cluster.upgrade()
        {
            cluster.doubt();
        }
    }

    /// Where it sends a request on to.
    pub(super) fn redirect(&self, error: &RedisError, options: &Options) -> Option<(Arc<Cluster>, Redirect)> {
        let Self::Node { address, cluster, .. } = self else { return None };
        Some((cluster.upgrade()?, Redirect::of(error, address, options)?))
    }
}
