use throttle::throttle;

const NONE: u32 = 0;

#[throttle(max_concurrent = NONE)]
async fn items() {}

fn main() {}
