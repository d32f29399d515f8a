use throttle::throttle;

#[throttle(rate = "100/min", only = [throttle::Rule::path("api")])]
async fn items() -> &'static str {
    "ok"
}

fn main() {}
