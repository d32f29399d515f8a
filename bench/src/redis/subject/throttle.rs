//! This library, by `Throttle::hit` with a string as the key. Alone because each measured crate has its file.

use throttle::backend::Redis;
use throttle::strategy::{FixedWindow, Gcra};
use throttle::{Rate, Settings, Throttle, registry};

use crate::memory::Algorithm;
use crate::redis::cell::Cell;
use crate::redis::decide::{Decide, Failure, TIMEOUT};

impl Decide for Throttle {
    async fn decide(&self, key: &str) -> Result<bool, Failure> {
        Ok(self.hit(key).await?.is_allowed())
    }
}

pub(super) async fn make(url: &str, cell: Cell, remember_denied: bool) -> Result<Throttle, Failure> {
    let limit = cell.limit();
    let redis = Redis::builder(url).remember_denied(remember_denied).build()?;
    let registry = registry().backend("redis", redis).build().await?;
    let settings = Settings::new()
        .rate(Rate::new(limit.count, limit.period)?)
        .backend("redis")
        .timeout(TIMEOUT)
        // A request without a reply must not count as denied.
        .on_error("raise");
    let settings = match cell.algorithm {
        Algorithm::FixedWindow => settings.strategy(FixedWindow),
        Algorithm::Gcra => settings.strategy(Gcra::new().burst(limit.burst)),
    };
    Ok(registry.create("bench", settings)?)
}
