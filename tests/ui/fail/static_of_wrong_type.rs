use throttle::throttle;

#[throttle(rate = "10/hour")]
static EXPORTS: u32;

fn main() {
    let _ = &EXPORTS;
}
