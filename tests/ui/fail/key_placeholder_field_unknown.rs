use throttle::{ThrottleError, throttle_fn};

struct User {
    id: u64,
}

#[throttle_fn(rate = "5/s", key = "{user.name}")]
async fn send(user: User) -> Result<u64, ThrottleError> {
    Ok(user.id)
}

fn main() {
    let _ = send(User { id: 1 });
}
