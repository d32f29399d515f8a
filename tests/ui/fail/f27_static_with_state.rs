use throttle::{StaticThrottle, throttle};

struct App;

#[throttle(rate = "1/s", state = App)]
static EXPORTS: StaticThrottle;

fn main() {
    let _ = EXPORTS.uid();
}
