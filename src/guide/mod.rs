//! The guide: one page per concept, each with an example that runs.
//!
//! | page | answers |
//! |---|---|
//! | [`rates`] | how much, in how long; several limits; limits that depend on who asks |
//! | [`keys`] | who is counted together; addresses, proxies, and who is not counted at all |
//! | [`concurrency`] | how many at once, whatever the rate |
//! | [`costs`] | what a request takes from its limits |
//! | [`strategies`] | how a limit is enforced, and how to write a strategy |
//! | [`answers`] | what was decided, and what clients are told |
//! | [`layers`] | limits around whole routers and gRPC servers; which requests a throttle is about |
//! | [`failures`] | what becomes of requests when a store fails, and how to write a backend |
//! | [`registry`] | what holds for the whole program; what wins; start and end |
//! | [`functions`] | limits on functions that are not handlers, statics, and limits by hand |
//! | `sockets` | limits on the messages of WebSockets; with the feature `ws` |
//! | [`testing`] | limits of days, tested in microseconds |
//! | [`observability`] | counters, listings and events |

#[allow(unused_imports, reason = "what the links of the pages lead to")]
use crate::{
    Audit, ClientIp, Counts, Decision, Decisions, Failure, Headers, Hit, Identity, Key, ManualClock,
    Networks, Quota, Rate, Rates, Reaction, Refused, Registry, RegistryBuilder, Reservation, Rule, Settings,
    Source, Static, Tab, Throttle, Throttled,
    backend::{Backend, Store, Stored},
    guide, outcome, problem_json, sites,
    strategy::{
        Adaptive, Arrival, Class, CostBasedTokenBucket, FixedWindow, Gcra, LeakyBucket, LeakyBucketQueue,
        PriorityQueue, QuotaWithRollover, SlidingWindowCounter, SlidingWindowLog, State, Strategy,
        TieredRate, TokenBucket, TokenBucketWithDebt,
    },
};

#[cfg(feature = "time-zones")]
#[allow(unused_imports, reason = "what the links of the pages lead to")]
use crate::strategy::{Calendar, TimeOfDay};

#[cfg(feature = "ws")]
#[allow(unused_imports, reason = "what the links of the pages lead to")]
use crate::{throttle_message, ws};

/// A page is a module without items.
macro_rules! pages {
    ($($(#[$attribute:meta])* $page:ident: $text:literal,)*) => {
        $( $(#[$attribute])* #[doc = include_str!($text)] pub mod $page {} )*
    };
}

pages! {
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
