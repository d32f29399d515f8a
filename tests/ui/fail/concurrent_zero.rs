use throttle::throttle;

#[throttle(concurrent = 0)]
async fn items() {}

fn main() {}
