//! What a decision calls in a store, and decisions by counters beside those by records.

mod calls;
mod defaults;
mod exact;
mod failover;
mod taken_back;
