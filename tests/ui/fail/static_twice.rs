use throttle::{StaticThrottle, throttle};

#[throttle(rate = "10/hour")]
#[throttle(rate = "1/s")]
static EXPORTS: StaticThrottle;

fn main() {
    let _ = &EXPORTS;
}
