use throttle::throttle;

const NONE: u32 = 0;

#[throttle(concurrent = NONE)]
async fn items() {}

fn main() {}
