//! The runtime of the [`throttle`](https://docs.rs/throttle-rs) crate. Depend on `throttle-rs` instead of this crate:
//! it re-exports and documents these items under the paths that programs should use.

#![expect(
    clippy::implied_bounds_in_impls,
    reason = "with `Shape` as a bound of its own, the compiler determines the kind of a setting first: see its docs"
)]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod backend;
mod class;
mod clock;
mod config;
mod decision;
mod edge;
mod environment;
mod error;
mod hit;
mod http;
mod key;
mod pipeline;
mod rate;
mod registry;
mod resilience;
pub mod strategy;
#[cfg(feature = "testkit")]
#[cfg_attr(docsrs, doc(cfg(feature = "testkit")))]
pub mod testkit;
mod throttle;
mod util;

#[doc(hidden)]
pub mod private;

pub use crate::clock::{Clock, ManualClock, SystemClock};
pub use crate::config::caller::Caller;
pub use crate::config::network::Networks;
pub use crate::config::rule::Rule;
pub use crate::config::settings::Settings;
pub use crate::config::{effective, key_source, outcome, resolver, rule};
pub use crate::decision::{Decision, DecisionReason, Decisions, Quota, Quotas};
#[cfg(feature = "axum")]
pub use crate::edge::axum::problem_json;
pub use crate::edge::direct::permit::Permit;
pub use crate::edge::direct::reservation::{Reservation, Settlement};
pub use crate::edge::direct::static_throttle::StaticThrottle;
pub use crate::edge::direct::transaction::{Atomicity, Savepoint, Transaction};
pub use crate::edge::function::Outcome;
#[cfg(feature = "tower")]
#[cfg_attr(docsrs, doc(cfg(feature = "tower")))]
pub use crate::edge::tower;
#[cfg(feature = "tower")]
pub use crate::edge::tower::ThrottleLayer;
#[cfg(feature = "ws")]
#[cfg_attr(docsrs, doc(cfg(feature = "ws")))]
pub use crate::edge::ws;
pub use crate::error::{BackendError, ConfigError, ErrorKind};
pub use crate::hit::Hit;
pub use crate::http::{ClientIp, DraftVersion, HeaderPolicy, Headers, ProxyHeader};
pub use crate::key::{Identity, Key};
pub use crate::pipeline::throttle_error::ThrottleError;
pub use crate::pipeline::throttled::Throttled;
pub use crate::rate::{Rate, RateError, Rates};
pub use crate::registry::linked_sites::sites;
pub use crate::registry::site::Site;
pub use crate::registry::{Registry, RegistryBuilder, Scoped, registry};
pub use crate::resilience::{
    Breaker, CircuitBreaker, ErrorAction, Failure, OnError, Recovery, circuit_breaker as breaker, failover,
    fallback, retry,
};
pub use crate::throttle::Throttle;
pub use crate::throttle::counters::Counts;
pub use crate::util::audit::{Audit, Audited};
pub use crate::util::now_or_later::{BoxFuture, NowOrLater};
