//! The setters of settings, by what they are about.

mod failures;
mod limits;
mod requests;
mod responses;
