use throttle::{Static, throttle};

#[throttle(rate = "10/hour")]
static EXPORTS: Static;

#[throttle(EXPORTS)]
static OTHERS: Static;

fn main() {
    let _ = &OTHERS;
}
