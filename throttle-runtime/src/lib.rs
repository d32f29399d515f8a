//! The runtime of the [`throttle`](https://docs.rs/throttle) crate. Depend on `throttle` instead of this crate:
//! it re-exports and documents these items under the paths that programs should use.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod admission;
mod asked;
mod audit;
#[cfg(feature = "axum")]
mod axum;
pub mod backend;
mod caller;
mod clock;
mod counters;
mod deadline;
mod decision;
pub mod effective;
mod error;
mod error_chain;
#[cfg(test)]
#[path = "../tests/events/mod.rs"]
mod events;
mod failure;
mod fingerprint;
mod function;
mod hit;
mod http;
mod in_flight;
pub mod key;
mod log_limit;
mod names;
mod network;
mod notice;
pub mod outcome;
pub mod plug;
mod policy;
mod random;
mod rate;
mod registry;
mod reservation;
pub mod rule;
mod said;
mod settings;
mod site;
mod soon;
mod statics;
pub mod strategy;
mod tab;
#[cfg(feature = "testkit")]
#[cfg_attr(docsrs, doc(cfg(feature = "testkit")))]
pub mod testkit;
mod throttle;
mod throttled;
#[cfg(feature = "tonic")]
mod tonic;
#[cfg(feature = "tower")]
#[cfg_attr(docsrs, doc(cfg(feature = "tower")))]
pub mod tower;
mod under_way;
mod versions;

#[doc(hidden)]
pub mod private;

#[cfg(feature = "axum")]
pub use crate::axum::problem_json;
#[cfg(feature = "ws")]
#[cfg_attr(docsrs, doc(cfg(feature = "ws")))]
pub use crate::axum::ws;
#[cfg(feature = "tower")]
pub use crate::tower::ThrottleLayer;
pub use audit::{Audit, Audited};
pub use caller::Caller;
pub use clock::{Clock, ManualClock, SystemClock};
pub use counters::Counts;
pub use decision::{Decision, Decisions, Quota, Quotas, Source};
pub use error::{BackendError, ConfigError, ErrorKind};
pub use failure::{
    Breaker, CircuitBreaker, Failure, OnError, Reaction, Recovery, breaker, failover, fallback, retry,
};
pub use function::Outcome;
pub use hit::Hit;
pub use http::{ClientIp, Generation, Headers, ProxyHeader, When};
pub use in_flight::InFlight;
pub use key::{Identity, Key};
pub use network::Networks;
pub use rate::{Rate, RateError, Rates};
pub use registry::{Registry, RegistryBuilder, Scoped, registry};
pub use reservation::{Reservation, Settlement};
pub use rule::Rule;
pub use settings::Settings;
pub use site::{Site, sites};
pub use soon::{BoxFuture, Soon};
pub use statics::Static;
pub use tab::{Atomicity, Nested, Tab};
pub use throttle::Throttle;
pub use throttled::{Refused, Throttled};
