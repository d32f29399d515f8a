use throttle::throttle;

#[throttle(rate = "100/min", degrade = "yes")]
async fn search() {}

fn main() {
    let _ = search;
}
