use throttle::throttle;

#[throttle(max_concurrent = "10")]
async fn items() {}

fn main() {}
