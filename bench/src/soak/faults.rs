//! Injects faults into the server. Alone because it runs beside the load and the summary.

use std::time::{Duration, Instant};

use crate::server::Redis;

/// The number of faults of each kind.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Faults {
    pub(crate) kills: u32,
    pub(crate) pauses: u32,
}

/// Kills or pauses the server repeatedly until `end`, and leaves it running.
pub(super) async fn inject(server: &mut Redis, seed: u64, end: Instant) -> Faults {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut pause = async |millis: std::ops::Range<u64>| {
        let pause = Duration::from_millis(random.u64(millis));
        tokio::time::sleep(pause.min(end.saturating_duration_since(Instant::now()))).await;
        random.bool()
    };
    let mut faults = Faults::default();
    // No fault begins in the last second, so that the server can recover.
    while Instant::now() + Duration::from_secs(1) < end {
        if pause(100..900).await {
            faults.kills += 1;
            server.kill();
            pause(50..1200).await;
            server.start_again();
        } else {
            faults.pauses += 1;
            server.pause();
            pause(50..1200).await;
            server.resume();
        }
    }
    faults
}
