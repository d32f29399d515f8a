use throttle::throttle;

#[throttle(per = "min", rate = "100/min")]
async fn items() -> &'static str {
    "ok"
}

fn main() {}
