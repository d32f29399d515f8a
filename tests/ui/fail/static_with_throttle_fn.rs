use throttle::{StaticThrottle, throttle_fn};

#[throttle_fn(rate = "10/hour")]
static EXPORTS: StaticThrottle;

fn main() {
    let _ = &EXPORTS;
}
