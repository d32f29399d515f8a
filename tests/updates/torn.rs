//! Each decision uses one version of all settings, while another thread changes all of them.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use axum::extract::connect_info::MockConnectInfo;
use axum::http::Request;
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};
use throttle::{Decision, Headers, ManualClock, Rate, Settings, Throttle, throttle};

use crate::common::{declared_at, header, registry_at, send};

/// The number of requests per thread. Each request has its own client.
const EACH: usize = 2_000;

const THREADS: usize = 3;

/// Returns versions of the settings. Any two of them differ in every part.
fn versions() -> [Settings; 3] {
    async fn rate() -> Rate {
        Rate::per_minute(500)
    }
    async fn cost() -> u32 {
        5
    }
    [
        Settings::new().rate("1000/min").cost(1_u32).headers(Headers::LEGACY),
        Settings::new().rate("7/min, 70/hour").cost(7_u32).headers(Headers::DRAFT_11),
        Settings::new().rate(rate).cost(cost).headers(Headers::LEGACY),
    ]
}

/// Lets threads send requests as fast as they can while the settings change, until each version has decided.
/// Returns the number of requests.
fn meanwhile(
    update: impl Fn(Settings) + Sync,
    version: impl Fn(&tokio::runtime::Runtime, String) -> usize + Sync,
) -> usize {
    let seen = [const { AtomicUsize::new(0) }; 3];
    thread::scope(|scope| {
        let ask = |number| {
            let (seen, version) = (&seen, &version);
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
                let some_missing = || seen.iter().any(|times| times.load(Ordering::Relaxed) == 0);
                for client in (0..1_000 * EACH).take_while(|client| *client < EACH || some_missing()) {
                    let by = version(&runtime, format!("{number}-{client}"));
                    seen[by].fetch_add(1, Ordering::Relaxed);
                }
            })
        };
        let asking: Vec<_> = (0..THREADS).map(ask).collect();
        let versions = versions();
        for next in (0..versions.len()).cycle() {
            update(versions[next].clone());
            // Threads that have found a fault are finished, too.
            if asking.iter().all(thread::ScopedJoinHandle::is_finished) {
                break;
            }
        }
    });
    let seen = seen.map(AtomicUsize::into_inner);
    assert!(seen.iter().all(|times| *times > 0), "{seen:?}");
    seen.iter().sum()
}

/// Returns the version that has decided.
fn version_of(decision: &Decision) -> usize {
    let said: Vec<_> = decision.quotas().iter().map(|quota| (quota.rate(), quota.remaining())).collect();
    let minute = Rate::per_minute;
    match said[..] {
        [(rate, 999)] if rate == minute(1_000) => 0,
        [(rate, 0), (second, 63)] if (rate, second) == (minute(7), Rate::per_hour(70)) => 1,
        [(rate, 495)] if rate == minute(500) => 2,
        _ => panic!("no version says {said:?}"),
    }
}

async fn programs_throttle() -> Throttle {
    registry_at(&ManualClock::new()).await.create("program", versions()[0].clone()).expect("a throttle")
}

#[tokio::test]
async fn b106_a_hit_goes_by_one_version() {
    let throttle = programs_throttle().await;
    let asked = meanwhile(
        |settings| throttle.update(settings).expect("it works"),
        |runtime, client| version_of(&runtime.block_on(throttle.hit(&client)).expect("a decision")),
    );
    assert_eq!(throttle.counts().allowed, asked as u64);
}

/// Every version is stored separately, and readers never wait for it.
#[tokio::test]
async fn b106_a_hit_goes_by_one_of_many_versions() {
    let throttle = programs_throttle().await;
    throttle.update(Settings::new().rate(Rate::per_minute(100_000)).cost(1_u32)).expect("it works");
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for limit in 100_000..100_500 {
                throttle.update(Settings::new().rate(Rate::per_minute(limit))).expect("it works");
            }
            done.store(true, Ordering::Relaxed);
        });
        for _ in 0..THREADS {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
                let mut last = 0;
                for _ in 0..1_000_000 {
                    if done.load(Ordering::Relaxed) {
                        break;
                    }
                    let stat = runtime.block_on(throttle.quotas("nobody")).expect("a decision");
                    let [quota] = stat.quotas() else { panic!("one limit") };
                    assert_eq!(quota.rate().limit(), quota.remaining());
                    assert!(last <= quota.remaining(), "an older version than before");
                    last = quota.remaining();
                }
            });
        }
    });
    assert_eq!(throttle.quotas("nobody").await.expect("a decision").remaining(), Some(100_499));
}

#[throttle(uid = "handler", rate = "1000/min", key = header("x-user"), headers = "legacy")]
async fn handler() {}

fn request(client: &str) -> Request<axum::body::Body> {
    Request::get("/").header("x-user", client).body(axum::body::Body::empty()).expect("a request")
}

/// Returns the version that the response comes from.
fn version_of_response(name: &str, response: &Response) -> usize {
    let legacy = ["x-ratelimit-limit", "x-ratelimit-remaining"].map(|name| header(response, name));
    let draft = header(response, "ratelimit");
    let (legacy, draft) = (legacy.each_ref().map(Option::as_deref), draft.as_deref());
    match (legacy, draft) {
        ([Some("1000"), Some("999")], None) => 0,
        ([None, None], Some(said)) if said.contains(";r=0") && said.contains(";r=63") => 1,
        ([Some("500"), Some("495")], None) => 2,
        _ => panic!("{name}: no version says {:?}", response.headers()),
    }
}

/// In the global registry, which has a fast path for handlers on memory, and in another one.
#[tokio::test]
async fn b106_a_response_speaks_of_one_version() {
    let clock = ManualClock::new();
    let global = declared_at(&clock).install().await.expect("a registry");
    let other = declared_at(&clock).build().await.expect("a registry");
    let app = Router::new()
        .route("/", get(handler))
        .layer(MockConnectInfo(std::net::SocketAddr::from(([192, 0, 2, 1], 4711))));
    let beside = app.clone().layer(Extension(other.clone()));
    for (name, registry, app) in [("global", global, app), ("beside", other, beside)] {
        meanwhile(
            |settings| registry.update("handler", settings).expect("it works"),
            |runtime, client| version_of_response(name, &runtime.block_on(send(&app, request(&client)))),
        );
    }
}

#[tokio::test]
async fn b106_a_layer_speaks_of_one_version() {
    use throttle::{ThrottleLayer, key};

    let registry = registry_at(&ManualClock::new()).await;
    let settings = versions()[0].clone().key(key::Header("x-user"));
    let layered = registry.create("layered", settings).expect("a throttle");
    let app = Router::new().route("/", get(async || {})).layer(ThrottleLayer::new([&layered]));
    let app = app.layer(Extension(registry));
    meanwhile(
        |settings| layered.update(settings).expect("it works"),
        |runtime, client| version_of_response("layer", &runtime.block_on(send(&app, request(&client)))),
    );
}
