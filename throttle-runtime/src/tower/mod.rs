//! The edge for services of [`tower`](https://docs.rs/tower): whole routers of axum, gRPC servers of tonic, and
//! whatever else answers an `http::Request`.
//!
//! [`ThrottleLayer`] is what one begins with.

mod answer;
mod body;
mod decide;
mod future;
mod grpc;
mod layer;
mod limiter;
mod service;

pub use body::ResponseBody;
pub use future::ResponseFuture;
pub use layer::{Limiters, ThrottleLayer};
pub use limiter::Limiter;
pub use service::ThrottleService;
