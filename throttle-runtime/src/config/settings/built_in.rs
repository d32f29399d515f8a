//! The built-in settings.

use std::time::Duration;

use crate::config::key_source::Ip;
use crate::config::resolver::{Call, erase, role};
use crate::config::settings::Settings;
use crate::http::Headers;
use crate::resilience::OnError;
use crate::strategy::FixedWindow;
use crate::util::shared::Shared;

/// The name of the backend that always exists.
pub(crate) const MEMORY: &str = "memory";

impl Settings {
    /// The built-in settings, which apply if a setting is not set in any other place.
    ///
    /// | setting | value |
    /// |---|---|
    /// | `strategy` | [`FixedWindow`] |
    /// | `key` | the client address, [`key::Ip`](crate::key_source::Ip) |
    /// | `cost` | 1 unit |
    /// | `backend` | `"memory"` |
    /// | `on_error` | throttle for 1 second |
    /// | `headers` | [`Headers::DRAFT_11`] |
    /// | `dry_run` | `false` |
    /// | `once_per_request` | `true` |
    /// | `degrade` | `false` |
    /// | `timeout` | 100 ms |
    /// | `permit_ttl` | 60 s |
    ///
    /// All other settings are not set.
    pub const BUILT_IN: Self = Self {
        strategy: Some(Shared::Static(&FixedWindow)),
        key: Some(Shared::Static(&erase::<role::key, _, _, Call>(Ip))),
        cost: Some(Shared::Static(&erase::<role::cost, _, _, Call>(1_u32))),
        backend: Some(Shared::Static(MEMORY)),
        on_error: Some(Shared::Static(&erase::<role::on_error, _, _, Call>(OnError::Throttle(
            Duration::from_secs(1),
        )))),
        headers: Some(Headers::DRAFT_11),
        dry_run: Some(false),
        once_per_request: Some(true),
        degrade: Some(false),
        timeout: Some(Duration::from_millis(100)),
        permit_ttl: Some(Duration::from_secs(60)),
        ..Self::NONE
    };
}
