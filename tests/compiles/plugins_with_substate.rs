use axum::extract::{FromRef, State};
use axum::{Router, routing::get};
use throttle::throttle;

#[derive(Clone)]
struct App {
    plans: Plans,
}

#[derive(Clone)]
struct Plans;

impl FromRef<App> for Plans {
    fn from_ref(app: &App) -> Self {
        app.plans.clone()
    }
}

async fn tenant(State(_): State<Plans>) -> &'static str {
    "tenant"
}

#[throttle(rate = "100/min", key = tenant)]
async fn of_the_handlers_own_state(State(_): State<Plans>) -> &'static str {
    "ok"
}

#[throttle(rate = "100/min", key = tenant, state = App)]
async fn of_a_named_state() -> &'static str {
    "ok"
}

#[test]
fn compiles() {
    let router: Router<App> = Router::new().route("/a", get(of_the_handlers_own_state));
    let _: Router = router.route("/b", get(of_a_named_state)).with_state(App { plans: Plans });
}
