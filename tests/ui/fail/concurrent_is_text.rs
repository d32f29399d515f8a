use throttle::throttle;

#[throttle(concurrent = "10")]
async fn items() {}

fn main() {}
