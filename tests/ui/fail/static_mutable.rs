use throttle::{Static, throttle};

#[throttle(rate = "10/hour")]
static mut EXPORTS: Static;

fn main() {
    let _ = &EXPORTS;
}
