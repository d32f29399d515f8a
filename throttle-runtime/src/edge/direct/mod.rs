//! Calls from code: hits, reservations, concurrency permits, transactions and static throttles.

pub(crate) mod hit;
pub(crate) mod hit_future;
pub(crate) mod permit;
pub(crate) mod reservation;
pub(crate) mod reset;
pub(crate) mod static_throttle;
pub(crate) mod transaction;
