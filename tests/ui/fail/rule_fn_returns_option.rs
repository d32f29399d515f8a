use throttle::{Rule, throttle};

async fn is_staff() -> Option<bool> {
    None
}

#[throttle(rate = "1/s", bypass = Rule::path("/a").when(is_staff))]
async fn handler() {}

fn main() {}
