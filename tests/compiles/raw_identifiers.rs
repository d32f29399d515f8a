use axum::extract::Path;
use axum::{Router, routing::get};
use throttle::{ThrottleError, throttle, throttle_fn};

mod r#mod {
    pub async fn r#fn() -> &'static str {
        "key"
    }
}

#[throttle(rate = "100/min", key = r#mod::r#fn)]
async fn r#gen(Path(r#type): Path<String>) -> String {
    r#type
}

#[throttle_fn(rate = "5/s", key = "{who}")]
async fn r#try(who: &str) -> Result<usize, ThrottleError> {
    Ok(who.len())
}

#[test]
fn compiles() {
    let _: Router = Router::new().route("/{type}", get(r#gen));
    drop(r#try("a"));
}
