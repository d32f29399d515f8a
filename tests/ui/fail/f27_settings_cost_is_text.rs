use throttle::Settings;
fn main() { let r = String::from("1/s"); let _ = Settings::new().rate(r).cost("2"); }
