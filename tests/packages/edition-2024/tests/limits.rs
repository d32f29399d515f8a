//! The limits hold.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use tower::ServiceExt;

#[tokio::test]
async fn limits_hold_without_a_prelude() -> Result<(), Box<dyn std::error::Error>> {
    let mut statuses = Vec::new();
    for _ in 0..2 {
        let request = Request::get("/items").body(Body::empty())?;
        statuses.push(throttle_test_edition_2024::router().oneshot(request).await?.status());
    }
    assert_eq!(statuses, [StatusCode::OK, StatusCode::TOO_MANY_REQUESTS]);
    assert_eq!(throttle_test_edition_2024::send("a").await?, 1);
    assert!(throttle_test_edition_2024::send("a").await.is_err());
    Ok(())
}
