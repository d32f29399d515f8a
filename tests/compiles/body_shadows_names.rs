use axum::{Router, routing::get};
use throttle::{ThrottleError, throttle, throttle_fn};

const SITES: u32 = 1;

#[allow(non_upper_case_globals)]
const refused: u32 = 2;

static KEYS: u32 = 3;

mod glob {
    pub const SITES: u32 = 4;
    pub fn keys() -> u32 {
        5
    }
    pub fn permit() -> u32 {
        6
    }
}

#[throttle(rate = "100/min", key = "{keys}")]
async fn items(axum::extract::Path(keys): axum::extract::Path<u32>) -> String {
    use glob::permit;
    let (response, __throttle) = (SITES, KEYS);
    let returned = keys + response + permit() + __throttle + refused;
    returned.to_string()
}

#[throttle(rate = "100/min")]
async fn by_glob() -> String {
    use glob::*;
    (keys() + permit() + glob::SITES).to_string()
}

#[throttle_fn(rate = "5/s", key = "{sites}/{id}")]
async fn send(sites: &str, id: u64) -> Result<u32, ThrottleError> {
    use glob::{SITES, keys};
    let permit = SITES + keys() + id as u32 + sites.len() as u32;
    Ok(permit)
}

#[test]
fn compiles() {
    let _: Router = Router::new().route("/{keys}", get(items)).route("/", get(by_glob));
    drop(send("a", 1));
}
