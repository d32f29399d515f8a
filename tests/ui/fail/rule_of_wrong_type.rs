use throttle::{Rate, throttle};

#[throttle(rate = "1/s", only = Rate::per_second(1))]
async fn handler() {}

fn main() {}
