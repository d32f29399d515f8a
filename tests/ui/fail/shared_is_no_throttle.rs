use throttle::throttle;

static LIMIT: u32 = 5;

#[throttle(LIMIT)]
async fn export() {}

fn main() {
    let _ = export;
}
