//! The guide: one page per topic, with examples that run.
//!
//! | page | explains |
//! |---|---|
//! | [`cookbook`] | one complete program for each of 25 tasks |
//! | [`choosing_a_key`] | which key to use; who can evade it, and who can lock others out |
//! | [`choosing_a_strategy`] | which strategy to use; worst bursts with pictures, costs, and what clients see |
//! | [`behind_a_proxy`] | settings for nginx, load balancers, CDNs, Kubernetes and Unix sockets, and how to check them |
//! | [`when_the_store_fails`] | what to do during an outage; responses; which policy fits which endpoint; bounds |
//! | [`operations`] | why a client was denied; changes at run time; alerts; events; sizing; deployment |
//! | [`migration`] | from governor, `tower_governor`, axum-governor, actix-governor, leaky-bucket, express-rate-limit, Bucket4j |
//!
//! Reference:
//!
//! | page | explains |
//! |---|---|
//! | [`rates`] | requests per period; several limits; limits that depend on the request |
//! | [`keys`] | which requests share a bucket; client addresses; clients that are exempt or denied |
//! | [`concurrency`] | requests in flight at the same time, whatever their rate |
//! | [`costs`] | how many units a request consumes, and which responses are charged |
//! | [`strategies`] | how a limit is enforced; custom strategies |
//! | [`answers`] | responses to denied requests; headers; degraded responses; decisions |
//! | [`layers`] | limits on whole routers and gRPC servers; rules that select requests |
//! | [`failures`] | settings for failures: `on_error`, retries, failover, circuit breakers; custom stores and backends |
//! | [`registry`] | settings of the whole program; precedence; changes at run time; startup checks |
//! | [`functions`] | limits on functions that are not handlers; statics; limits in code, reservations and transactions |
//! | `sockets` | limits on WebSockets and their messages (feature `ws`) |
//! | [`testing`] | tests of limits, of broken stores, and of your own stores |
//! | [`observability`] | counters, dry run, listings of settings, events, spans |

#[allow(unused_imports, reason = "the pages link to these items")]
use crate::{
    Audit, ClientIp, Counts, Decision, DecisionReason, Decisions, ErrorAction, Failure, Headers, Hit,
    Identity, Key, ManualClock, Networks, Quota, Rate, Rates, Registry, RegistryBuilder, Reservation, Rule,
    Settings, StaticThrottle, Throttle, ThrottleError, Throttled, Transaction,
    backend::{Backend, Store, StoreBackend},
    guide, outcome, sites,
    strategy::{
        Adaptive, Arrival, Class, CostBasedTokenBucket, FixedWindow, Gcra, LeakyBucket, LeakyBucketQueue,
        PriorityQueue, QuotaWithRollover, SlidingWindowCounter, SlidingWindowLog, State, Strategy,
        TieredRate, TokenBucket, TokenBucketWithDebt,
    },
};

#[cfg(feature = "axum")]
#[allow(unused_imports, reason = "the pages link to these items")]
use crate::problem_json;

#[cfg(feature = "time-zones")]
#[allow(unused_imports, reason = "the pages link to these items")]
use crate::strategy::{Calendar, TimeOfDay};

#[cfg(feature = "ws")]
#[allow(unused_imports, reason = "the pages link to these items")]
use crate::{throttle_message, ws};

/// Declares the pages. Each page is a module without items, whose documentation is the text of the page. The
/// examples need axum.
macro_rules! pages {
    ($($(#[$attribute:meta])* $page:ident: $text:literal,)*) => {
        $(
            $(#[$attribute])*
            #[cfg_attr(any(not(doctest), feature = "axum"), doc = include_str!($text))]
            pub mod $page {}
        )*
    };
}

pages! {
    cookbook: "cookbook.md",
    choosing_a_key: "choosing_a_key.md",
    // rustdoc copies no files, and uses the first definition of a link. So here the pictures are part of the page.
    #[doc = include_str!("../../docs/strategies/embedded.md")]
    choosing_a_strategy: "choosing_a_strategy.md",
    behind_a_proxy: "behind_a_proxy.md",
    when_the_store_fails: "when_the_store_fails.md",
    operations: "operations.md",
    rates: "rates.md",
    keys: "keys.md",
    concurrency: "concurrency.md",
    costs: "costs.md",
    strategies: "strategies.md",
    answers: "answers.md",
    layers: "layers.md",
    failures: "failures.md",
    registry: "registry.md",
    functions: "functions.md",
    #[cfg(feature = "ws")]
    sockets: "sockets.md",
    testing: "testing.md",
    observability: "observability.md",
}

#[cfg_attr(any(not(doctest), feature = "axum"), doc = include_str!("migration/index.md"))]
pub mod migration {
    pages! {
        governor: "migration/governor.md",
        tower_governor: "migration/tower_governor.md",
        axum_governor: "migration/axum_governor.md",
        actix_governor: "migration/actix_governor.md",
        leaky_bucket: "migration/leaky_bucket.md",
        express_rate_limit: "migration/express_rate_limit.md",
        bucket4j: "migration/bucket4j.md",
    }
}
