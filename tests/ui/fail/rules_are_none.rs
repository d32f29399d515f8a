use throttle::throttle;

#[throttle(rate = "1/s", bypass = [])]
async fn handler() {}

fn main() {}
