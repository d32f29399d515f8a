//! Invalid settings are rejected at startup.

use throttle::backend::{Backend, Memory};
use throttle::{CircuitBreaker, Registry, Settings, failover, registry};

use crate::common::{Broken, seconds};

fn problem(registry: &Registry, settings: Settings) -> String {
    registry.create("a", settings).expect_err("it cannot work").to_string()
}

#[tokio::test]
async fn a_limit_lets_somebody_in_and_a_lease_lasts() {
    let registry = Registry::default();
    let nobody = problem(&registry, Settings::new().max_concurrent(0));
    assert!(nobody.contains("`a`: `max_concurrent` is 0, which rejects every request"), "{nobody}");
    let short = problem(&registry, Settings::new().max_concurrent(1).permit_ttl(seconds(0)));
    assert!(short.contains("`permit_ttl` is at least a millisecond"), "{short}");
    let nothing = problem(&registry, Settings::new().permit_ttl(seconds(1)));
    assert!(nothing.contains("`a` has no rate") && nothing.contains("`max_concurrent`"), "{nothing}");
    registry.create("a", Settings::new().max_concurrent(1)).expect("no rate is needed");
}

#[tokio::test]
async fn other_backends_than_memory_and_redis_say_that_they_cannot() {
    assert!(Broken::default().concurrency_store().is_none());
    let declared = registry().backend("store", Broken::default()).backend("other", Memory::new());
    let registry = declared.build().await.expect("a registry");
    let limited = Settings::new().rate("1/s").max_concurrent(1);
    let primary = problem(&registry, limited.clone().backend("store"));
    let said = "`a` on \"store\": concurrency limits need memory or Redis";
    assert!(primary.contains(said), "{primary}");
    let standby = problem(&registry, limited.clone().on_error(failover("store", CircuitBreaker::new())));
    assert!(standby.contains(said), "{standby}");
    registry.create("a", limited.on_error(failover("other", CircuitBreaker::new()))).expect("both can");
}

#[tokio::test]
async fn what_is_settled_is_listed() {
    let registry = Registry::default();
    let throttle = registry.create("a", Settings::new().max_concurrent(3)).expect("nothing is wrong");
    let said = throttle.settings().describe();
    assert!(
        said.contains(&("max_concurrent", "3".to_owned()))
            && said.contains(&("permit_ttl", "60s".to_owned()))
    );
}
