use throttle::{StaticThrottle, throttle};

#[throttle(rate = "10/hour", state = u8)]
static EXPORTS: StaticThrottle;

fn main() {
    let _ = &EXPORTS;
}
