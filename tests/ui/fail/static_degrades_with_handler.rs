use throttle::{Static, throttle};

#[throttle(rate = "10/hour", degrade, handler = throttle::problem_json)]
static EXPORTS: Static;

fn main() {
    let _ = &EXPORTS;
}
