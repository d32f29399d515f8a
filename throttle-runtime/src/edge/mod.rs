//! Edges: where requests, messages and calls from code enter the pipeline.

pub(crate) mod admit;
#[cfg(feature = "axum")]
pub(crate) mod axum;
pub(crate) mod direct;
pub(crate) mod function;
#[cfg(any(feature = "axum", feature = "tower"))]
pub(crate) mod permit_body;
#[cfg(any(feature = "axum", feature = "tower"))]
pub(crate) mod respond;
#[cfg(any(feature = "axum", feature = "tower"))]
pub(crate) mod responses;
#[cfg(feature = "tonic")]
pub(crate) mod tonic;
#[cfg(feature = "tower")]
#[cfg_attr(docsrs, doc(cfg(feature = "tower")))]
pub mod tower;
#[cfg(feature = "ws")]
pub mod ws;
