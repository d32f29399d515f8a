use axum::extract::Path;
use axum::http::Method;
use axum::{Router, routing::get};
use throttle::throttle;

mod keys {
    use axum::extract::FromRequestParts;

    pub async fn tenant() -> (String, u64) {
        ("tenant".to_owned(), 7)
    }

    pub async fn of<E: FromRequestParts<()>>(_: E) -> u8 {
        1
    }
}

struct Prices;

impl Prices {
    async fn usual(Path(id): Path<u64>, method: Method) -> usize {
        id as usize + method.as_str().len()
    }
}

async fn eight(
    _: Method,
    _: Method,
    _: Method,
    _: Method,
    _: Method,
    _: Method,
    _: Method,
    _: Method,
) -> bool {
    false
}

#[throttle(rate = "100/min", key = keys::tenant, cost = Prices::usual, exempt = eight, handler = throttle::problem_json)]
async fn items() -> &'static str {
    "ok"
}

#[throttle(rate = "100/min", key = self::keys::of::<Method>)]
async fn generic() -> &'static str {
    "ok"
}

#[test]
fn compiles() {
    let _: Router = Router::new().route("/{id}", get(items)).route("/", get(generic));
}
