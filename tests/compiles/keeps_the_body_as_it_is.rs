use axum::{Router, routing::get};
use std::sync::Mutex;
use throttle::{ThrottleError, throttle, throttle_fn};

static COUNT: Mutex<u32> = Mutex::new(0);

/// The temporary at the end of the body lives as long as without the attribute.
#[throttle(rate = "100/min")]
async fn count() -> String {
    COUNT.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).to_string()
}

#[throttle(rate = "100/min")]
async fn labelled() -> &'static str {
    'search: {
        for number in 0..3 {
            if number == 2 {
                break 'search "two";
            }
        }
        "none"
    }
}

#[throttle(rate = "100/min")]
async fn items_inside() -> String {
    use std::fmt::Write as _;
    fn double(number: u16) -> u16 {
        number * 2
    }
    let mut text = String::new();
    let _ = write!(text, "{}", double(4));
    text
}

#[throttle_fn(rate = "5/s")]
async fn recursive(depth: u32) -> Result<u32, ThrottleError> {
    if depth == 0 { Ok(0) } else { Ok(1 + Box::pin(recursive(depth - 1)).await?) }
}

#[test]
fn compiles() {
    let _: Router =
        Router::new().route("/", get(count)).route("/a", get(labelled)).route("/b", get(items_inside));
    drop(recursive(3));
}
