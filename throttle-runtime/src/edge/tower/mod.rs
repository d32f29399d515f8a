//! The integration with [`tower`](https://docs.rs/tower) services: whole routers of axum, gRPC servers of
//! tonic, and all other services that answer an `http::Request`.
//!
//! Start with [`ThrottleLayer`].

mod body;
mod decide;
mod future;
mod grpc;
mod layer;
mod limiter;
mod plan;
mod response;
mod service;

pub use body::ResponseBody;
pub use future::ResponseFuture;
pub use layer::{Limiters, ThrottleLayer};
pub use limiter::Limiter;
pub use service::ThrottleService;
