//! The crate trypema: a sliding window of buckets in Redis. Alone because each measured crate has its file.

use std::sync::Arc;

use redis::Client;
use redis::aio::ConnectionManagerConfig;
use trypema::redis::{RedisKey, RedisRateLimiterProvider};
use trypema::{RateLimit, RateLimitDecision, RateLimiterBuilder, WindowSize};

use crate::redis::decide::{Decide, Failure, TIMEOUT};

pub(super) struct Trypema {
    provider: Arc<RedisRateLimiterProvider>,
    rate: RateLimit,
}

impl Decide for Trypema {
    async fn decide(&self, key: &str) -> Result<bool, Failure> {
        // Its keys must not contain colons.
        let key = RedisKey::new(key.replace(':', "-"))?;
        let decision = self.provider.absolute().inc(&key, &self.rate, 1).await?;
        Ok(matches!(decision, RateLimitDecision::Allowed))
    }
}

/// The script sums up the whole window, so the window has to be short. The rate is high, whatever the limit
/// is.
pub(super) async fn make(url: &str) -> Result<Trypema, Failure> {
    let config = ConnectionManagerConfig::new().set_response_timeout(Some(TIMEOUT));
    let connection = Client::open(url)?.get_connection_manager_with_config(config).await?;
    let provider = RedisRateLimiterProvider::builder(connection).window_size(WindowSize::minutes_or_panic(1));
    Ok(Trypema { provider: provider.build()?, rate: RateLimit::per_minute_or_panic(1e9) })
}
