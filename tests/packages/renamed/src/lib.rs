//! The attributes under another name of the crate, in an older edition: that it compiles is the test.

use axum::extract::Path;
use axum::routing::get;
use axum::Router;
use limiter::{throttle, throttle_fn, ThrottleError};

async fn tenant() -> &'static str {
    "tenant"
}

#[throttle(crate = ::limiter, rate = "1/hour", key = tenant)]
async fn items() -> &'static str {
    "ok"
}

#[throttle(crate = ::limiter, rate = "1/hour", key = "{id}")]
#[throttle(crate = ::limiter, rate = "100/min")]
async fn item(Path(id): Path<u64>) -> Result<String, &'static str> {
    id.checked_add(1).map(|next| next.to_string()).ok_or("the last one")
}

#[throttle(crate = ::limiter, rate = "1/hour")]
async fn never() -> ! {
    std::future::pending().await
}

/// Says how long the name of the addressee is, once an hour for each.
#[throttle_fn(crate = ::limiter, rate = "1/hour", key = "{to}")]
pub async fn send(to: &str) -> Result<usize, ThrottleError> {
    Ok(to.len())
}

/// All handlers.
pub fn router() -> Router {
    Router::new().route("/items", get(items)).route("/items/{id}", get(item)).route("/never", get(never))
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::{Request, StatusCode};
    use tower::ServiceExt;

    #[tokio::test]
    async fn limits_hold_under_another_name() {
        let mut statuses = Vec::new();
        for _ in 0..2 {
            let request = Request::get("/items").body(Body::empty()).expect("a request");
            statuses.push(super::router().oneshot(request).await.expect("an answer").status());
        }
        assert_eq!(statuses, [StatusCode::OK, StatusCode::TOO_MANY_REQUESTS]);
        assert_eq!(super::send("a").await.expect("the first passes"), 1);
        assert!(super::send("a").await.is_err());
    }
}
