use throttle::throttle;

#[throttle(rate = "100/min")]
fn items() -> &'static str {
    "ok"
}

fn main() {
    items();
}
