// The links of the README lead to files. Here, where the first definition of a link counts, they lead to items.
#![doc = "[throttle-fn]: macro@throttle_fn"]
#![doc = "[rates]: guide::rates"]
#![doc = "[keys]: guide::keys"]
#![doc = "[concurrency]: guide::concurrency"]
#![doc = "[costs]: guide::costs"]
#![doc = "[strategies]: guide::strategies"]
#![doc = "[answers]: guide::answers"]
#![doc = "[functions]: guide::functions"]
#![doc = "[layers]: guide::layers"]
#![doc = "[failures]: guide::failures"]
#![doc = "[registry]: guide::registry"]
#![doc = "[backend]: backend::Backend"]
#![doc = ""]
#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "axum")]
pub mod guide;

#[doc(inline)]
pub use throttle_macros::{throttle, throttle_fn};

#[cfg(feature = "ws")]
#[doc(inline)]
pub use throttle_macros::throttle_message;
#[cfg(feature = "ws")]
#[doc(inline)]
pub use throttle_runtime::ws;

#[doc(inline)]
pub use throttle_runtime::{backend, effective, key, outcome, plug, rule, strategy};

// How much, by whom, at what cost.
#[doc(inline)]
pub use throttle_runtime::{Caller, Hit, Identity, InFlight, Key, Rate, RateError, Rates, Rule};

// What was decided, and how clients learn of it.
#[cfg(feature = "axum")]
#[doc(inline)]
pub use throttle_runtime::problem_json;
#[doc(inline)]
pub use throttle_runtime::{
    Decision, Decisions, Generation, Headers, Outcome, Quota, Quotas, Refused, Source, Throttled, When,
};

// What is charged later, or given back.
#[doc(inline)]
pub use throttle_runtime::{Atomicity, Nested, Reservation, Settlement, Tab};

// What stands around services.
#[cfg(feature = "tower")]
#[doc(inline)]
pub use throttle_runtime::{ThrottleLayer, tower};

// What tests of stores are made of.
#[cfg(feature = "testkit")]
#[doc(inline)]
pub use throttle_runtime::testkit;

// What holds for a program.
#[doc(inline)]
pub use throttle_runtime::{
    Audit, Audited, ClientIp, ConfigError, Counts, Networks, ProxyHeader, Registry, RegistryBuilder, Scoped,
    Settings, Site, Static, Throttle, registry, sites,
};

// When a store fails.
#[doc(inline)]
pub use throttle_runtime::{
    BackendError, Breaker, CircuitBreaker, ErrorKind, Failure, OnError, Reaction, Recovery, breaker,
    failover, fallback, retry,
};

// What backends and tests are written with.
#[doc(inline)]
pub use throttle_runtime::{BoxFuture, Clock, ManualClock, Soon, SystemClock};

#[doc(hidden)]
pub use throttle_runtime::private as __private;
