use throttle::throttle;

async fn plan() -> u32 {
    10
}

#[throttle(max_concurrent = plan)]
async fn items() {}

fn main() {}
