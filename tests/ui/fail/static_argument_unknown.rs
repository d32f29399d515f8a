use throttle::{Static, throttle};

#[throttle(rate = "10/hour", burst = 5)]
static EXPORTS: Static;

fn main() {
    let _ = &EXPORTS;
}
