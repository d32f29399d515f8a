//! A runtime that ends while decisions hold records.

use std::sync::Arc;

use throttle_runtime::backend::{Backend, Charge, Mode, StoreBackend};
use throttle_runtime::strategy::FixedWindow;
use throttle_runtime::{Key, ManualClock, Rates};

use crate::dict::Dict;

async fn ends<const COMPARES: bool>(stored: Arc<StoreBackend<Dict<COMPARES>>>) {
    let rates: Rates = "1000000/day".parse().expect("rates");
    let keys = [Key::from("a"), Key::from("b")];
    let charges = keys.each_ref().map(|key| Charge::new("s", key, &FixedWindow, &rates, 1));
    loop {
        let _ = stored.decide(&charges, Mode::Consume).await;
    }
}

fn runtimes_that_end<const COMPARES: bool>() {
    for _ in 0..100 {
        let clock = ManualClock::new();
        let stored = Arc::new(StoreBackend::new(Dict::<COMPARES>::at(&clock)).clock(clock.clone()));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.expect("a runtime");
        for _ in 0..4 {
            runtime.spawn(ends(stored.clone()));
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
        drop(runtime);
    }
}

#[test]
fn a_runtime_may_end_while_locks_are_held() {
    runtimes_that_end::<false>();
}

#[test]
fn a_runtime_may_end_while_marks_are_held() {
    runtimes_that_end::<true>();
}
