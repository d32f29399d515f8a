//! A store as a backend. The store is a dictionary in memory.

mod backend;
#[path = "../counting/mod.rs"]
mod counting;
#[path = "../dict/mod.rs"]
mod dict;
#[path = "../instances/mod.rs"]
mod instances;
#[path = "../lossy/mod.rs"]
mod lossy;
#[path = "../refunded/mod.rs"]
mod refunded;
#[path = "../retried/mod.rs"]
mod retried;
mod runtime_ends;
mod safe_to_retry;
mod shared_breakers;
#[path = "../small/mod.rs"]
mod small;
