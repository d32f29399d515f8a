//! The parts of a memory backend, and its permits. Alone because the contract of backends holds these permits.

use std::sync::Arc;

use super::coarse_time::Time;
use super::in_flight::InFlight;
use super::table::Table;
use crate::backend::resets::Resets;
use crate::util::fingerprint::Secret;

/// The parts of a [`Memory`](super::Memory) backend.
#[derive(Debug)]
pub struct Engine {
    pub(super) secret: Secret,
    pub(super) table: Table,
    pub(super) time: Time,
    pub(super) in_flight: InFlight,
    pub(super) resets: Resets,
}

/// A permit of a request in flight.
#[derive(Debug)]
pub(in crate::backend) struct Taken {
    pub(super) engine: Arc<Engine>,
    pub(super) id: u128,
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.engine.in_flight.leave(self.id);
    }
}
