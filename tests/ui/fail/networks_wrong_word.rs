use throttle::throttle;

#[throttle(rate = "1/s", deny = "10.0.0.0/8, 10.0.0.0/33")]
async fn handler() {}

fn main() {}
