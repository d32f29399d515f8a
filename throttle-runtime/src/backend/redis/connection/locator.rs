//! Locates the server: at a fixed address, or queried before each connection.

use std::sync::Weak;

use redis::{Client, Cmd, RedisError};

use super::address::Address;
use super::node_events::{NodeEvents, Redirected};
use super::options::Options;
use super::progress::Progress;
use super::redirect::{Redirect, indicates_stale_map};
use super::sentinels::Sentinels;
use crate::backend::redis::hash_slot::probe_key_in;
use crate::error::BackendError;

pub(in crate::backend::redis) enum Locator {
    /// A server at a fixed address.
    Fixed(Client),
    /// The master that sentinels report.
    Sentinels(Sentinels),
    /// A node of a cluster.
    Node {
        client: Client,
        address: Address,
        /// The first and the last hash slot of a range that the node has, as far as known. The node rejects
        /// keys in other hash slots.
        hash_slots: Option<(u16, u16)>,
        cluster: Weak<dyn NodeEvents>,
    },
}

impl Locator {
    /// Returns the client to connect with now.
    pub(super) async fn locate(
        &self,
        options: &Options,
        progress: &Progress,
    ) -> Result<Client, BackendError> {
        match self {
            Self::Fixed(client) | Self::Node { client, .. } => Ok(client.clone()),
            Self::Sentinels(sentinels) => sentinels.master(options, progress).await,
        }
    }

    /// Returns a key of the namespace that can be written on this server, if one is known.
    pub(super) fn probe_key(&self, namespace: &str) -> Option<String> {
        match self {
            Self::Node { hash_slots: None, .. } => None,
            Self::Node { hash_slots: Some(range), .. } => probe_key_in(namespace, *range),
            _ => Some(format!("{namespace}:probe")),
        }
    }

    /// Reports that the connection was lost, or that an attempt to connect failed.
    pub(super) fn lost(&self) {
        if let Self::Node { address, cluster, .. } = self
            && let Some(cluster) = cluster.upgrade()
        {
            cluster.lost(address);
        }
    }

    /// Refreshes the slot map of the cluster, if the error indicates that it is outdated.
    pub(super) fn handle_error(&self, error: &RedisError) {
        if let Self::Node { cluster, .. } = self
            && indicates_stale_map(error)
            && let Some(cluster) = cluster.upgrade()
        {
            cluster.mark_stale();
        }
    }

    /// Sends a request to another node, if the error of this server is a redirect.
    pub(super) fn follow(&self, error: &RedisError, command: Cmd, options: &Options) -> Option<Redirected> {
        let Self::Node { address, cluster, .. } = self else { return None };
        let cluster = cluster.upgrade()?;
        Some(cluster.follow(Redirect::of(error, address, options)?, command))
    }
}
