#![deny(unused_must_use)]

use throttle::{BackendError, Throttle};

async fn job(throttle: &Throttle) -> Result<(), BackendError> {
    throttle.hit("alice").await?;
    Ok(())
}

fn main() {}
