use throttle::{Static, throttle};

#[throttle(rate = "10/hours/2")]
static EXPORTS: Static;

fn main() {
    let _ = &EXPORTS;
}
