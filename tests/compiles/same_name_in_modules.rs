use axum::{Router, routing::get};
use throttle::throttle;

#[throttle(rate = "100/min")]
async fn list() -> &'static str {
    "all"
}

mod items {
    #[throttle::throttle(rate = "100/min")]
    pub async fn list() -> &'static str {
        "items"
    }

    pub mod old {
        use super::super::throttle;

        #[throttle(rate = "10/min")]
        pub(crate) async fn list() -> &'static str {
            "old"
        }
    }
}

#[test]
fn compiles() {
    #[throttle(rate = "1/min")]
    async fn inner() -> &'static str {
        "inner"
    }

    let router =
        Router::new().route("/", get(list)).route("/items", get(items::list)).route("/inner", get(inner));
    let _: Router = router.route("/old", get(items::old::list));
}
