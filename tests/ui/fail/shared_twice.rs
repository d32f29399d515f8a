use throttle::{StaticThrottle, throttle};

#[throttle(rate = "10/hour")]
static EXPORTS: StaticThrottle;

#[throttle(EXPORTS)]
#[throttle(EXPORTS)]
async fn export() {}

fn main() {
    let _ = export;
}
