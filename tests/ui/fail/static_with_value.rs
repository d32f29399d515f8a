use throttle::{Static, throttle};

#[throttle(rate = "10/hour")]
static EXPORTS: Static = Static::new();

fn main() {
    let _ = &EXPORTS;
}
