use throttle::throttle;

#[throttle(rate = "1/s", only = 7)]
async fn handler() {}

fn main() {}
