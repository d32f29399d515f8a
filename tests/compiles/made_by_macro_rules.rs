use axum::extract::Path;
use axum::{Router, routing::get};
use throttle::throttle;

macro_rules! resource {
    ($module:ident, $rate:literal, $cost:expr, $answer:expr) => {
        mod $module {
            use super::*;

            #[throttle(rate = $rate)]
            pub async fn list() -> &'static str {
                $answer
            }

            #[throttle(rate = $rate, cost = $cost, key = "{id}")]
            pub async fn one(Path(id): Path<u64>) -> String {
                id.to_string()
            }
        }
    };
}

resource!(items, "100/min", 2, "items");
resource!(users, "10/min", 3_u32, "users");

macro_rules! handler {
    ($name:ident($argument:ident), $rate:expr, $key:literal, $returned:ty, $body:block) => {
        #[throttle(rate = $rate, key = $key)]
        async fn $name(Path($argument): Path<u64>) -> $returned $body
    };
}

handler!(first(id), throttle::Rate::per_second(1), "{id}", String, { id.to_string() });
handler!(second(id), "2/s", "{id}", String, { id.to_string() });

#[test]
fn compiles() {
    let router = Router::new().route("/a", get(items::list)).route("/b", get(users::list));
    let router = router.route("/a/{id}", get(items::one)).route("/b/{id}", get(users::one));
    let _: Router = router.route("/c/{id}", get(first)).route("/d/{id}", get(second));
}
