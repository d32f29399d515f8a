use throttle::throttle;

#[throttle(max_concurrent = 0)]
async fn items() {}

fn main() {}
