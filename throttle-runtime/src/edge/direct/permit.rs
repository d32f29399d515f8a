//! Uses that are in flight until the program ends them.

use std::borrow::Cow;
use std::fmt;

use crate::backend::ConcurrencyPermit;
use crate::decision::{Decision, DecisionReason};
use crate::hit::Hit;
use crate::pipeline::admission_builder::AdmissionBuilder;
use crate::pipeline::degrade::DegradeSink;
use crate::pipeline::key_cache::KeyCache;
use crate::pipeline::prepare::Prepared;
use crate::pipeline::throttle_error::ThrottleError;
use crate::throttle::Throttle;
use crate::throttle::counters::Event;

/// A use that is in flight until this value is dropped. See [`Throttle::permit`].
///
/// ```
/// use throttle::{Permit, Throttle, ThrottleError};
///
/// /// A download, which counts as in flight as long as this value exists.
/// struct Download {
///     _permit: Permit,
/// }
///
/// async fn begin(downloads: &Throttle, user: &str) -> Result<Download, ThrottleError> {
///     Ok(Download { _permit: downloads.permit(user).await? })
/// }
/// # let _ = begin;
/// ```
#[must_use = "the permit is released when it is dropped"]
pub struct Permit {
    decision: Decision,
    _held: Vec<ConcurrencyPermit>,
}

impl Permit {
    /// Returns the decision, with the remaining quota if the throttle has a rate.
    ///
    /// ```
    /// use throttle::{Registry, Settings, DecisionReason};
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let settings = Settings::new().max_concurrent(2);
    /// let exports = Registry::current().create("exports", settings.clone().rate("10/hour"))?;
    /// assert_eq!(exports.permit("alice").await?.decision().remaining(), Some(9));
    /// let imports = Registry::current().create("imports", settings)?;
    /// assert_eq!(imports.permit("alice").await?.decision().reason(), DecisionReason::Concurrency);
    /// # Ok(())
    /// # }
    /// ```
    pub const fn decision(&self) -> &Decision {
        &self.decision
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("decision", &self.decision).finish_non_exhaustive()
    }
}

impl Throttle {
    /// Decides one use, as [`hit`](Self::hit) does, and acquires a permit of the [concurrency
    /// limit](crate::Settings::max_concurrent). The permit is released when the returned value is dropped.
    ///
    /// Use it for work that outlasts a request, such as a connection.
    ///
    /// ```
    /// use std::net::IpAddr;
    ///
    /// use axum::extract::ws::{WebSocket, WebSocketUpgrade};
    /// use axum::response::{IntoResponse, Response};
    /// use throttle::{ThrottleError, Throttle};
    ///
    /// /// At most so many connections of one address.
    /// async fn connect(upgrade: WebSocketUpgrade, client: IpAddr, connections: &Throttle) -> Response {
    ///     let in_flight = match connections.permit(client).await {
    ///         Ok(in_flight) => in_flight,
    ///         Err(ThrottleError::Throttled(throttled)) => return throttled.into_response(),
    ///         Err(failed) => {
    ///             let status = axum::http::StatusCode::INTERNAL_SERVER_ERROR;
    ///             return (status, failed.to_string()).into_response();
    ///         }
    ///     };
    ///     upgrade.on_upgrade(async move |mut socket: WebSocket| {
    ///         let _in_flight = in_flight; // until the connection ends
    ///         while let Some(Ok(message)) = socket.recv().await {
    ///             let _ = socket.send(message).await;
    ///         }
    ///     })
    /// }
    /// # let _ = connect;
    /// ```
    ///
    /// # Errors
    ///
    /// Returns an error in these cases:
    ///
    /// - A rate or the concurrency limit denies the use.
    /// - The backend fails, and `on_error` throttles the use or propagates the error.
    pub async fn permit<'h>(&self, hit: impl Into<Hit<'h>>) -> Result<Permit, ThrottleError> {
        let mut parts = None;
        let mut context = self.empty_context(&mut parts);
        let ticket = match Self::ticket(Cow::Borrowed(self), hit.into(), &mut context).await? {
            Prepared::Ready(ticket) => ticket,
            Prepared::Passed(reason) => {
                self.count(Event::Skipped);
                return Ok(Permit { decision: Decision::passed(reason), _held: Vec::new() });
            }
        };
        let mut known = KeyCache::default();
        let mut builder = AdmissionBuilder::new(&mut known, DegradeSink::Nobody);
        builder.add(ticket);
        let mut admission = Box::pin(builder.decide(&mut context)).await?;
        let decided = admission.decided.pop().flatten();
        let decision = decided.map_or(Decision::passed(DecisionReason::Disabled), |decided| decided.decision);
        Ok(Permit { decision, _held: admission.held })
    }
}
