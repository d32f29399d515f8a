//! The three ways in which a request is decided.

mod commit;
pub(super) mod compare_and_set;
mod cross_slot;
mod hold;
mod scripted;
mod worker;
