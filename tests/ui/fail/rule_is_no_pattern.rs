use throttle::throttle;

#[throttle(rate = "1/s", bypass = "/users/{id}")]
async fn handler() {}

fn main() {}
