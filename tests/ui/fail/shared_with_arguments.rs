use throttle::{Static, throttle};

#[throttle(rate = "10/hour")]
static EXPORTS: Static;

#[throttle(EXPORTS, cost = 2, on_error = "allow")]
async fn export() {}

fn main() {
    let _ = export;
}
