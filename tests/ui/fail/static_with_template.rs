use throttle::{Static, throttle};

#[throttle(rate = "10/hour", key = "{user}")]
static EXPORTS: Static;

fn main() {
    let _ = &EXPORTS;
}
