// In README.md, the links lead to files. rustdoc uses the first definition of a link, so here they lead to items.
#![doc = "[throttle-fn]: macro@throttle_fn"]
#![doc = "[rates]: guide::rates"]
#![doc = "[keys]: guide::keys"]
#![doc = "[cookbook]: guide::cookbook"]
#![doc = "[choosing-a-key]: guide::choosing_a_key"]
#![doc = "[choosing-a-strategy]: guide::choosing_a_strategy"]
#![doc = "[behind-a-proxy]: guide::behind_a_proxy"]
#![doc = "[outages]: guide::when_the_store_fails"]
#![doc = "[operations]: guide::operations"]
#![doc = "[migration]: guide::migration"]
#![doc = "[concurrency]: guide::concurrency"]
#![doc = "[costs]: guide::costs"]
#![doc = "[strategies]: guide::strategies"]
#![doc = "[answers]: guide::answers"]
#![doc = "[functions]: guide::functions"]
#![doc = "[layers]: guide::layers"]
#![doc = "[failures]: guide::failures"]
#![doc = "[registry]: guide::registry"]
#![doc = "[testing]: guide::testing"]
#![doc = "[observability]: guide::observability"]
#![cfg_attr(feature = "ws", doc = "[sockets]: guide::sockets")]
#![doc = "[backend]: backend::Backend"]
#![doc = ""]
// Its examples use Redis.
#![cfg_attr(any(not(doctest), feature = "redis"), doc = include_str!("../README.md"))]
//!
//! # Items by task
//!
//! An item in parentheses needs a feature. The [`guide`] explains each task.
//!
//! | task | items |
//! |---|---|
//! | limit a handler or another async fn | [`#[throttle]`](macro@throttle), [`#[throttle_fn]`](macro@throttle_fn) |
//! | limit routers and gRPC servers | (`ThrottleLayer`, module `tower`: feature `tower`) |
//! | limit WebSocket messages | (`#[throttle_message]`, module `ws`: feature `ws`) |
//! | limit calls from code | [`StaticThrottle`], [`Throttle`], [`Hit`], [`Permit`] |
//! | set limits and strategies | [`Rate`], [`Rates`], [`strategy`](mod@strategy) |
//! | choose clients and keys | [`ClientIp`], [`Caller`], [`Identity`], [`Key`], [`key`](mod@key), [`Networks`] |
//! | choose requests | [`Rule`], [`rule`](mod@rule) |
//! | charge by result, refund | [`outcome`](mod@outcome), [`Outcome`], [`Reservation`], [`Transaction`] |
//! | read decisions | [`Decision`], [`Decisions`], [`Quota`], [`ThrottleError`] |
//! | change responses and headers | [`Throttled`], [`Headers`] |
//! | configure a program | [`registry()`], [`RegistryBuilder`], [`Registry`], [`Settings`] |
//! | read settings and counters | [`effective`](mod@effective), [`Counts`], [`sites`] |
//! | share limits, write a backend | [`backend`](mod@backend) |
//! | decide about requests when a backend fails | [`OnError`], [`Failure`], [`ErrorAction`] |
//! | retry, fall back, stop calling a backend | [`retry`], [`fallback`], [`failover`], [`CircuitBreaker`] |
//! | read and control circuit breakers | [`Breaker`], [`breaker`](mod@breaker) |
//! | test limits and backends | [`ManualClock`], (module `testkit`: feature `testkit`) |
//! | accept settings in functions of your own | [`resolver`](mod@resolver) |
// rustdoc derives the feature of an item from `cfg`. Where an item is only in a re-exported module, rustdoc needs
// `doc(cfg)` at its definition.
#![cfg_attr(docsrs, feature(doc_cfg))]

// Without a feature, links to its items lead nowhere.
#[cfg_attr(
    not(all(feature = "axum", feature = "time-zones", feature = "ws")),
    allow(rustdoc::broken_intra_doc_links)
)]
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
pub use throttle_runtime::{backend, effective, key_source as key, outcome, resolver, rule, strategy};

// Rates, keys and costs.
#[doc(inline)]
pub use throttle_runtime::{Caller, Hit, Identity, Key, Permit, Rate, RateError, Rates, Rule};

// Decisions, and the responses to clients.
#[cfg(feature = "axum")]
#[doc(inline)]
pub use throttle_runtime::problem_json;
#[doc(inline)]
pub use throttle_runtime::{
    Decision, DecisionReason, Decisions, DraftVersion, HeaderPolicy, Headers, Outcome, Quota, Quotas,
    ThrottleError, Throttled,
};

// Reservations and transactions: charges that are settled, refunded or committed later.
#[doc(inline)]
pub use throttle_runtime::{Atomicity, Reservation, Savepoint, Settlement, Transaction};

// Layers for tower services.
#[cfg(feature = "tower")]
#[doc(inline)]
pub use throttle_runtime::{ThrottleLayer, tower};

// Assertions and conformance tests.
#[cfg(feature = "testkit")]
#[doc(inline)]
pub use throttle_runtime::testkit;

// The registry, its settings and its throttles.
#[doc(inline)]
pub use throttle_runtime::{
    Audit, Audited, ClientIp, ConfigError, Counts, Networks, ProxyHeader, Registry, RegistryBuilder, Scoped,
    Settings, Site, StaticThrottle, Throttle, registry, sites,
};

// Backend failures.
#[doc(inline)]
pub use throttle_runtime::{
    BackendError, Breaker, CircuitBreaker, ErrorAction, ErrorKind, Failure, OnError, Recovery, breaker,
    failover, fallback, retry,
};

// Building blocks of custom backends and of tests.
#[doc(inline)]
pub use throttle_runtime::{BoxFuture, Clock, ManualClock, NowOrLater, SystemClock};

#[doc(hidden)]
pub use throttle_runtime::private as __private;
