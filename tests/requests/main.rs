//! Handlers, layers and functions that read a request. The tests start no server.

#[path = "../common/mod.rs"]
mod common;

mod handlers;
mod hyper;
mod identity;
mod layer;
mod networks;
mod once;
mod rules;
