//! Throttles that change at run time: behaviours 104, 106 and 119.

#[path = "../common/mod.rs"]
mod common;

mod audit;
mod effective;
mod refused;
mod torn;
mod what_holds;
