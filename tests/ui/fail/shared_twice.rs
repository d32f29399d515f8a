use throttle::{Static, throttle};

#[throttle(rate = "10/hour")]
static EXPORTS: Static;

#[throttle(EXPORTS)]
#[throttle(EXPORTS)]
async fn export() {}

fn main() {
    let _ = export;
}
