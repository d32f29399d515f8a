use throttle::{StaticThrottle, throttle};

#[throttle(rate = "10/hour", burst = 5)]
static EXPORTS: StaticThrottle;

fn main() {
    let _ = &EXPORTS;
}
