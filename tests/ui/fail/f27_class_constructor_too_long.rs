use throttle::throttle;

#[throttle(rate = "100/min", class = throttle::strategy::Class::new("much too long a name"))]
async fn items() -> &'static str {
    "ok"
}

fn main() {}
