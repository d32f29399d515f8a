use throttle::{StaticThrottle, throttle};

#[throttle(rate = "10/hours/2")]
static EXPORTS: StaticThrottle;

fn main() {
    let _ = &EXPORTS;
}
