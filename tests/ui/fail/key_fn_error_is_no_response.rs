use axum::{Router, routing::get};
use throttle::throttle;

struct NoTenant;

async fn tenant() -> Result<String, NoTenant> {
    Err(NoTenant)
}

#[throttle(rate = "100/min", key = tenant)]
async fn items() -> &'static str {
    "ok"
}

fn main() {
    let _: Router = Router::new().route("/", get(items));
}
