//! Setters of the backend, its timeouts, and what happens when it fails.

use std::sync::Arc;
use std::time::Duration;

use crate::config::resolver::{IntoResolver, Shape, Web, into_shared, role};
use crate::config::settings::Settings;
use crate::util::shared::Shared;

impl Settings {
    /// Sets the name of the backend: `"memory"`, which always exists, or a backend that the registry
    /// [declares](crate::RegistryBuilder::backend).
    ///
    /// ```
    /// use throttle::Settings;
    ///
    /// let settings = Settings::new().rate("100/min").backend("redis");
    /// assert_eq!(settings.describe()[1], ("backend", "redis".to_owned()));
    /// ```
    ///
    /// # Default
    ///
    /// `"memory"`.
    pub fn backend(mut self, name: impl Into<String>) -> Self {
        self.backend = Some(Shared::Counted(Arc::from(name.into())));
        self
    }

    /// Sets what happens to requests when the backend fails: `"allow"`, `"throttle"`, `"raise"`, an
    /// [`OnError`](crate::OnError), a [`Recovery`](crate::Recovery), or an async fn of the [`Failure`](crate::Failure).
    ///
    /// # Default
    ///
    /// Requests are throttled, with a wait of 1 second.
    pub fn on_error<M: 'static>(
        mut self,
        policy: impl Shape<role::on_error, M, Web<()>> + IntoResolver<role::on_error, M, Web<()>> + 'static,
    ) -> Self {
        self.on_error = Some(into_shared(policy));
        self
    }

    /// Sets the timeout of one attempt at a decision, including queueing and connecting. Backends that answer
    /// immediately have no timeout.
    ///
    /// Only time in which the process runs counts. While a CPU limit, a blocking call or a suspended machine
    /// pauses the process, its timers and its replies are late together. So a request that was paused reads
    /// what has arrived, and waits for the rest of its timeout. If nothing arrives, its timeout does not count
    /// for a circuit breaker.
    ///
    /// ```
    /// use std::time::Duration;
    /// use throttle::Settings;
    ///
    /// let settings = Settings::new().rate("100/min").timeout(Duration::from_millis(50));
    /// assert_eq!(settings.describe()[1], ("timeout", "50ms".to_owned()));
    /// ```
    ///
    /// # Default
    ///
    /// 100 ms.
    #[doc(alias = "deadline")]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets the timeout of all attempts at a decision, including the waits between them. When it has passed,
    /// the next stage of [`on_error`](Self::on_error) applies.
    ///
    /// ```
    /// use std::time::Duration;
    /// use throttle::{Settings, retry};
    ///
    /// // A client waits for at most 120 ms: for up to three attempts, and the waits between them.
    /// let settings = Settings::new()
    ///     .on_error(retry(2).delay(Duration::from_millis(10)))
    ///     .timeout(Duration::from_millis(50))
    ///     .total_timeout(Duration::from_millis(120));
    /// ```
    ///
    /// # Default
    ///
    /// The maximum that the attempts can take: a [timeout](Self::timeout) for the first attempt and for each
    /// retry, and the waits between them.
    #[doc(alias = "budget")]
    pub const fn total_timeout(mut self, total_timeout: Duration) -> Self {
        self.total_timeout = Some(total_timeout);
        self
    }
}
