//! Usage that a fallback admits is charged to the counter that the store uses for decisions.

use std::time::Duration;

use throttle_runtime::backend::{Memory, StoreBackend};
use throttle_runtime::strategy::{FixedWindow, TieredRate};
use throttle_runtime::testkit::Faulty;
use throttle_runtime::{CircuitBreaker, ErrorKind, Hit, ManualClock, Settings, Throttle, failover, registry};

use crate::dict::Dict;

async fn admits(throttle: &Throttle, times: u64) -> u64 {
    let mut admitted = 0;
    for _ in 0..times {
        admitted += u64::from(throttle.hit(Hit::new("a").cost(2)).await.expect("a decision").is_allowed());
    }
    admitted
}

async fn carries<const COMPARES: bool, const COUNTS: bool>(settings: Settings) {
    let clock = ManualClock::new();
    let primary = Faulty::new(StoreBackend::new(Dict::<COMPARES, COUNTS>::at(&clock)).clock(clock.clone()));
    let declared = registry().backend("store", primary.clone()).clock(clock.clone());
    let standby = Memory::builder().clock(clock.clone()).build();
    let registry = declared.backend("standby", standby).build().await.expect("a registry");
    let breaker = CircuitBreaker::new().failure_threshold(1).recovery_timeout(Duration::from_secs(1));
    let settings =
        settings.rate("80/hour").backend("store").on_error(failover("standby", breaker).retries(0));
    // A busy machine exceeds the usual deadline.
    let settings = settings.timeout(Duration::from_secs(5));
    let throttle = registry.create("guarded", settings).expect("a throttle");
    assert_eq!(admits(&throttle, 10).await, 10);
    for outage in 0..2 {
        primary.fail(ErrorKind::Store);
        assert_eq!(admits(&throttle, 10).await, 10, "outage {outage}");
        primary.heal();
        clock.advance(Duration::from_secs(2));
        // The first request after an outage is the probe of the breaker.
        assert_eq!(admits(&throttle, 1).await, 1, "outage {outage}");
        assert_eq!(throttle.quotas("a").await.expect("a decision").remaining(), Some(38 - outage * 22));
    }
    assert_eq!(admits(&throttle, 40).await, 8, "the limit is 80 in all");
}

#[tokio::test]
async fn f60_what_a_fallback_admits_is_charged_to_the_counter() {
    for settings in [Settings::new().strategy(FixedWindow), Settings::new().strategy(TieredRate::new())] {
        carries::<false, true>(settings.clone()).await;
        carries::<true, true>(settings.clone()).await;
        carries::<false, false>(settings.clone()).await;
        carries::<true, false>(settings).await;
    }
}
