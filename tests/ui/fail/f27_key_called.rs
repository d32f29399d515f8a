use throttle::throttle;

async fn tenant() -> String {
    "tenant".to_owned()
}

#[throttle(rate = "100/min", key = tenant())]
async fn items() -> &'static str {
    "ok"
}

fn main() {}
