use throttle::{StaticThrottle, throttle};

#[throttle(rate = "10/hour")]
static mut EXPORTS: StaticThrottle;

fn main() {
    let _ = &EXPORTS;
}
