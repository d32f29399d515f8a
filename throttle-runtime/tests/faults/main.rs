//! Backends behind a way that fails: what requests wait for, and what is charged, counted at the server.

mod modes;
mod proxy;
