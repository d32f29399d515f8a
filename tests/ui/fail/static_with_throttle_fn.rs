use throttle::{Static, throttle_fn};

#[throttle_fn(rate = "10/hour")]
static EXPORTS: Static;

fn main() {
    let _ = &EXPORTS;
}
