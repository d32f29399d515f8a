use throttle::{Static, throttle};

#[throttle(uid = "exports")]
static EXPORTS: Static;

fn main() {
    let _ = &EXPORTS;
}
