use throttle::throttle;

#[throttle(rate = "100/min")]
struct Items;

fn main() {
    let _ = Items;
}
