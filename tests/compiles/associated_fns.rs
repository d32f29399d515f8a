use axum::extract::Path;
use axum::{Router, routing::get};
use throttle::throttle;

struct Items;

impl Items {
    const NAME: &'static str = "items";

    #[throttle(rate = "100/min")]
    async fn list() -> &'static str {
        Self::NAME
    }

    #[throttle(rate = "100/min", key = "{id}")]
    pub async fn one(Path(id): Path<u64>) -> String {
        id.to_string()
    }
}

struct Users<T>(T);

impl<T: Default + ToString> Users<T> {
    #[throttle(rate = "100/min")]
    async fn list() -> String {
        T::default().to_string()
    }
}

#[test]
fn compiles() {
    let router = Router::new().route("/items", get(Items::list)).route("/items/{id}", get(Items::one));
    let _: Router = router.route("/users", get(Users::<u32>::list));
}
