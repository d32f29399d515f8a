use throttle::{StaticThrottle, throttle};

#[throttle(rate = "10/hour")]
static EXPORTS: StaticThrottle = StaticThrottle::new();

fn main() {
    let _ = &EXPORTS;
}
