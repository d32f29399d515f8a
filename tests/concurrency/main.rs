//! Limits on concurrent requests: `max_concurrent` in attributes, functions, layers and programs.

#[path = "../common/mod.rs"]
mod common;
mod ends;
mod failures;
mod gate;
mod handlers;
mod layer;
mod programs;
mod settings;
mod together;

const OK: axum::http::StatusCode = axum::http::StatusCode::OK;
const DENIED: axum::http::StatusCode = axum::http::StatusCode::TOO_MANY_REQUESTS;
