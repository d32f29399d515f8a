//! The `RateLimit` headers, read by an independent parser of structured fields.

#[path = "../../tests/common/mod.rs"]
mod common;
#[path = "../../tests/common/header_routes.rs"]
mod header_routes;

use common::{get, header, registry_at, service};
use sfv::{BareItem, FieldType, List, ListEntry, Parser};
use throttle::ManualClock;

#[tokio::test]
async fn an_independent_parser_reads_what_was_meant() {
    let app = service(header_routes::routes(), &registry_at(&ManualClock::new()).await);
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
