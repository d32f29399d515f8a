use throttle::{StaticThrottle, throttle};

#[throttle(rate = "10/hour", degrade, handler = throttle::problem_json)]
static EXPORTS: StaticThrottle;

fn main() {
    let _ = &EXPORTS;
}
