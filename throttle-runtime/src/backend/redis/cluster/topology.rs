//! Reads the topology of a cluster from its nodes.

use redis::{Client, Pipeline, RedisError, Value};

use crate::backend::redis::connection::progress::Progress;
use crate::backend::redis::connection::{Address, Options, hedged, open};
use crate::backend::redis::errors;
use crate::backend::redis::errors::unexpected_reply;
use crate::error::{BackendError, ErrorKind};

/// A range of hash slots, from the first to the last, and its master.
pub(super) struct Range {
    pub(super) first: u16,
    pub(super) last: u16,
    pub(super) master: Address,
}

/// Returns all ranges, from the node that responds first.
pub(super) async fn read_slots(nodes: &[Client], options: &Options) -> Result<Vec<Range>, BackendError> {
    let limit = options.discovery_timeout();
    hedged::first_reply(nodes, limit, |node| read_slots_of(node, options.clone())).await.map_err(|error| {
        let timed_out =
            || BackendError::new(ErrorKind::Timeout, format!("no node responded within {limit:?}"));
        error.unwrap_or_else(timed_out)
    })
}

async fn read_slots_of(node: Client, options: Options) -> Result<Vec<Range>, BackendError> {
    let failed = |error: RedisError| errors::backend_error("a node of the cluster cannot be queried", &error);
    let mut link = open::open(&node, &options, &Progress::default()).await?;
    let mut both = Pipeline::with_capacity(2);
    both.cmd("CLUSTER").arg("INFO").cmd("CLUSTER").arg("SLOTS");
    let replies = link.multiplexed.send_packed_commands(&both, 0, 2).await.map_err(failed)?;
    let [state, slots] = <[Value; 2]>::try_from(replies).map_err(|_| unexpected_reply())?;
    // A node that is cut off from the other nodes does not know their latest agreement.
    let state = redis::from_redis_value::<String>(state);
    if state.is_ok_and(|state| state.contains("cluster_state:fail")) {
        return Err(BackendError::new(ErrorKind::Store, "a node reports that the cluster is down"));
    }
    let slots = slots.extract_error().map_err(failed)?;
    let address = Address::of(node.get_connection_info()).ok_or_else(unexpected_reply)?;
    let Value::Array(slots) = slots else { return Err(unexpected_reply()) };
    slots
        .iter()
        .map(|range| parse_range(range, &address, &options))
        .collect::<Option<_>>()
        .ok_or_else(unexpected_reply)
}

fn parse_range(range: &Value, node: &Address, options: &Options) -> Option<Range> {
    let Value::Array(range) = range else { return None };
    let [Value::Int(first), Value::Int(last), Value::Array(master), ..] = &range[..] else { return None };
    let [host, Value::Int(port), ..] = &master[..] else { return None };
    let host = match host {
        Value::Nil => String::new(),
        Value::BulkString(host) => String::from_utf8(host.clone()).ok()?,
        Value::SimpleString(host) => host.clone(),
        _ => return None,
    };
    let master = node.reported(host, u16::try_from(*port).ok()?, options);
    Some(Range { first: u16::try_from(*first).ok()?, last: u16::try_from(*last).ok()?, master })
}
