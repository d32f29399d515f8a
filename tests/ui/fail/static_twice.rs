use throttle::{Static, throttle};

#[throttle(rate = "10/hour")]
#[throttle(rate = "1/s")]
static EXPORTS: Static;

fn main() {
    let _ = &EXPORTS;
}
