use throttle::{StaticThrottle, throttle};

#[throttle(rate = "10/hour")]
static EXPORTS: StaticThrottle;

#[throttle(EXPORTS, cost = 2, on_error = "allow")]
async fn export() {}

fn main() {
    let _ = export;
}
