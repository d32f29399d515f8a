//! The calls of a decision to a store, and decisions by counters compared with decisions by records.

mod calls;
mod defaults;
mod exact;
mod failover;
mod taken_back;
