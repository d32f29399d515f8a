//! The effective settings and their origins.

use throttle::effective::Origin;
use throttle::rule::Rules;
use throttle::{ManualClock, Registry, Rule, Settings, throttle};

use crate::common::declared_at;

#[throttle(uid = "listed", rate = "60/min", cost = 2)]
async fn listed() {}

async fn registry() -> Registry {
    let other = Settings::new().headers(throttle::Headers::OFF).cost(9_u32);
    declared_at(&ManualClock::new())
        .backend_with("other", throttle::backend::Memory::new(), other)
        .defaults(Settings::new().on_error("allow").backend("other"))
        .throttle("listed", Settings::new().class("free"))
        .build()
        .await
        .expect("a registry")
}

#[tokio::test]
async fn the_handler_of_this_file_is_used() {
    let _: axum::Router = axum::Router::new().route("/", axum::routing::get(listed));
}

fn lines(registry: &Registry) -> String {
    let listings = registry.effective();
    listings.iter().find(|listing| listing.uid() == "listed").expect("listed").to_string()
}

#[tokio::test]
async fn b106_every_setting_says_where_it_is_from() {
    let registry = registry().await;
    let first = "listed
  rate = 60/min (tests/updates/effective.rs:9)
  strategy = FixedWindow (built-in)
  key = ip (built-in)
  cost = 2 (tests/updates/effective.rs:9)
  class = \"free\" (override)
  backend = other (defaults)
  on_error = \"allow\" (defaults)
  headers = Headers { draft_version: None, policy: false, legacy: false, retry_after: false, when: Always } (backend \"other\")
  dry_run = false (built-in)
  once_per_request = true (built-in)
  degrade = false (built-in)
  timeout = 100ms (built-in)
  permit_ttl = 60s (built-in)";
    assert_eq!(lines(&registry), first, "also before the first request");
    registry.update("listed", Settings::new().rate("7/min").backend("memory")).expect("it works");
    registry.add_rules("listed", Rules::new().bypass(Rule::path("/health"))).expect("it is there");
    registry.set_dry_run(true);
    let then = "listed
  rate = 7/min (run time)
  strategy = FixedWindow (built-in)
  key = ip (built-in)
  cost = 2 (tests/updates/effective.rs:9)
  class = \"free\" (override)
  backend = memory (run time)
  on_error = \"allow\" (defaults)
  headers = Headers { draft_version: Some(Draft11), policy: true, legacy: false, retry_after: true, when: Always } (built-in)
  dry_run = true (run time)
  once_per_request = true (built-in)
  degrade = false (built-in)
  timeout = 100ms (built-in)
  permit_ttl = 60s (built-in)
  bypass = /health (run time)";
    assert_eq!(lines(&registry), then);
    registry.set_dry_run(false);
    assert!(lines(&registry).contains("dry_run = false (built-in)"));
}

#[tokio::test]
async fn b106_what_a_program_made_names_its_line() {
    let registry = registry().await;
    let throttle = registry.create("made", Settings::new().rate("10/min")).expect("a throttle");
    let listing = throttle.effective();
    let Origin::Code(location) = listing.get("rate").expect("a rate").origin() else { panic!("{listing}") };
    assert_eq!((location.file(), location.line()), (file!(), line!() - 3));
    assert_eq!(listing.get("exempt"), None);
}
