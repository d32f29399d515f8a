use throttle::throttle;

struct Api;

impl Api {
    #[throttle(rate = "100/min")]
    async fn items(&self) -> &'static str {
        "ok"
    }
}

fn main() {
    let _ = Api.items();
}
