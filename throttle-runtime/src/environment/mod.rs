//! The state that all throttles of a registry share: circuit breakers, enforcement modes and resolved settings.

pub(crate) mod breaker_sync;
pub(crate) mod breakers;
pub(crate) mod enforcement;
pub(crate) mod recovery;
pub(crate) mod resolve;
