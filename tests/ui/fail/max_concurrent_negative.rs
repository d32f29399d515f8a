use throttle::throttle;

#[throttle(rate = "1/s", max_concurrent = -1)]
async fn items() {}

fn main() {}
