use throttle::{StaticThrottle, throttle};

#[throttle(rate = "10/hour")]
static EXPORTS: StaticThrottle;

#[throttle(EXPORTS)]
static OTHERS: StaticThrottle;

fn main() {
    let _ = &OTHERS;
}
