#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[doc(hidden)]
pub use throttle_runtime::private as __private;
pub use throttle_macros::*;
pub use throttle_runtime::*;
