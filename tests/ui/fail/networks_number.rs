use throttle::throttle;

#[throttle(rate = "1/s", allow = 10)]
async fn handler() {}

fn main() {}
