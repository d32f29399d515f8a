//! `charge_when` takes plain fns of a status or a head, by path or on the spot.

use axum::http::{StatusCode, response::Parts};
use axum::{Router, routing::get};
use throttle::{outcome, throttle};

struct Site;

impl Site {
    fn is_charged(status: StatusCode) -> bool {
        status.is_success()
    }
}

fn marked(response: &Parts) -> bool {
    response.headers.contains_key("x-charged")
}

#[throttle(rate = "1/s", charge_when = outcome::failed)]
#[throttle(rate = "2/s", charge_when = Site::is_charged, key = "{id}")]
#[throttle(rate = "3/s", charge_when = marked)]
#[throttle(rate = "4/s", charge_when = |status: StatusCode| status != StatusCode::NOT_FOUND)]
async fn items(axum::extract::Path(id): axum::extract::Path<u32>) -> String {
    id.to_string()
}

#[test]
fn compiles() {
    let _: Router = Router::new().route("/{id}", get(items));
}
