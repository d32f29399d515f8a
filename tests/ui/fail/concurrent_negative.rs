use throttle::throttle;

#[throttle(rate = "1/s", concurrent = -1)]
async fn items() {}

fn main() {}
