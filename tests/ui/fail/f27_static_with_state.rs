use throttle::{Static, throttle};

struct App;

#[throttle(rate = "1/s", state = App)]
static EXPORTS: Static;

fn main() {
    let _ = EXPORTS.uid();
}
