use throttle::{Settings, ThrottleLayer};



fn main() {
    let _ = ThrottleLayer::new(("api", Settings::new().rate("5/s")));
}
