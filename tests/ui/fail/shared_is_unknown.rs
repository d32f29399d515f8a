use throttle::throttle;

#[throttle(EXPORTS)]
async fn export() {}

fn main() {
    let _ = export;
}
