use throttle::{Decision, throttle};

#[throttle(rate = "100/min", degrade, handler = throttle::problem_json)]
async fn search(decision: Decision) -> String {
    format!("{decision:?}")
}

fn main() {
    let _ = search;
}
