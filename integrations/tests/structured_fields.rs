//! The `RateLimit` headers, read by an independent parser of structured fields.

#[path = "../../tests/common/mod.rs"]
mod common;

use axum::{Router, routing::get as route};
use common::{get, header, registry_at, service};
use sfv::{BareItem, FieldType, List, ListEntry, Parser};
use throttle::strategy::Gcra;
use throttle::{Headers, ManualClock, throttle};

#[throttle(uid = "plain", rate = "3/min")]
async fn plain() {}

#[throttle(uid = "a \"quoted\" \\ näme", rate = "10/s, 500/hour")]
async fn several() {}

#[throttle(uid = "bare", rate = "1/min", headers = Headers::DRAFT_11.policy(false).retry_after(false))]
async fn bare() {}

#[throttle(uid = "fine", rate = "7/1500ms, 9/90s")]
async fn fine() {}

#[throttle(uid = "gcra", rate = "10/min", strategy = Gcra::new().burst(3))]
async fn gcra() {}

#[throttle(uid = "huge", rate = "18446744073709551615/s")]
async fn huge() {}

#[tokio::test]
async fn an_independent_parser_reads_what_was_meant() {
    let router = Router::new()
        .route("/plain", route(plain))
        .route("/several", route(several))
        .route("/bare", route(bare))
        .route("/fine", route(fine))
        .route("/gcra", route(gcra))
        .route("/huge", route(huge));
    let app = service(router, &registry_at(&ManualClock::new()).await);
    for path in ["/plain", "/several", "/fine", "/gcra", "/huge", "/bare"] {
        for name in ["ratelimit-policy", "ratelimit"] {
            let Some(text) = header(&get(&app, path).await, name) else { continue };
            let list: List = Parser::new(&text).parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(List::serialize(&list).as_deref(), Some(text.as_str()), "canonical form");
            for member in &list {
                let ListEntry::Item(item) = member else { panic!("{text}: members are items") };
                assert!(matches!(item.bare_item, BareItem::String(_)), "{text}: names are strings");
                let integers = item.params.values().all(|value| matches!(value, BareItem::Integer(_)));
                assert!(integers && !item.params.is_empty(), "{text}: parameters are integers");
            }
        }
    }
}
