use throttle::{Rule, throttle};

#[throttle(rate = "1/s", only = Rule::path("api/**"))]
async fn handler() {}

fn main() {}
