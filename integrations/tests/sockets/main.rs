//! Limits on WebSockets, with a real client on a real port: stories 2, 5, 6 and 7, behaviours 27 to 32 and 101.

#[path = "../../../tests/common/mod.rs"]
mod common;

mod attribute;
mod by_hand;
mod failures;
mod handlers;
mod handshake;
mod identity;
mod served;
mod shared;
