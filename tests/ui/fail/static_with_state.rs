use throttle::{Static, throttle};

#[throttle(rate = "10/hour", state = u8)]
static EXPORTS: Static;

fn main() {
    let _ = &EXPORTS;
}
