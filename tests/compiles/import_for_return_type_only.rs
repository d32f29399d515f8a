//! An import that only the return type names counts as used.

#![deny(warnings)]

use std::fmt::Debug;

use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use throttle::throttle;

mod traits {
    pub trait Answer<T> {}
    impl<T> Answer<T> for &'static str {}
}

use traits::Answer;

#[throttle(rate = "100/min")]
async fn opaque() -> impl IntoResponse {
    "ok"
}

#[throttle(rate = "100/min")]
async fn nested() -> Result<impl IntoResponse + Debug + Answer<Vec<u8>>, Response> {
    Ok("ok")
}

#[throttle(rate = "100/min")]
async fn generic<T>() -> impl IntoResponse + Answer<T>
where
    T: Send + Clone + 'static,
{
    "ok"
}

#[test]
fn compiles() {
    let _: [MethodRouter; 3] = [get(opaque), get(nested), get(generic::<u32>)];
}
