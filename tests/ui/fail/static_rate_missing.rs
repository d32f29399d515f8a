use throttle::{StaticThrottle, throttle};

#[throttle(uid = "exports")]
static EXPORTS: StaticThrottle;

fn main() {
    let _ = &EXPORTS;
}
