use throttle::{StaticThrottle, throttle};

#[throttle(rate = "10/hour", key = "{user}")]
static EXPORTS: StaticThrottle;

fn main() {
    let _ = &EXPORTS;
}
