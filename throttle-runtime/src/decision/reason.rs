//! The reason of a decision.

/// The reason for a [`Decision`](crate::Decision).
///
/// ```
/// use throttle::{DecisionReason, Hit, Settings, registry};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let registry = registry().build().await?;
/// let exports = registry.create("exports", Settings::new().rate("10/hour"))?;
/// assert_eq!(exports.hit("alice").await?.reason(), DecisionReason::Backend);
/// assert_eq!(exports.hit(Hit::new("alice").cost(0)).await?.reason(), DecisionReason::Free);
/// registry.disable("exports");
/// assert_eq!(exports.hit("alice").await?.reason(), DecisionReason::Disabled);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u64)] // A decision without padding is moved in whole words.
pub enum DecisionReason {
    /// The backend decided.
    Backend,
    /// An earlier reply of the backend decided, without another call: it denied the same client a moment ago.
    Cached,
    /// The backend failed, and another backend decided: see [`fallback`](crate::fallback).
    Fallback,
    /// The backend was not called, because its [circuit breaker](crate::CircuitBreaker) is open. Another
    /// backend decided.
    BreakerOpen,
    /// No backend was called: the throttle is switched off, or all throttles are.
    Disabled,
    /// No backend was called: the caller is exempt.
    Exempt,
    /// No backend was called: the throttle's [rules](crate::Rule) do not match this request.
    Bypassed,
    /// No backend was called: the rate is [`Rate::UNLIMITED`](crate::Rate::UNLIMITED).
    Unlimited,
    /// No backend was called: the cost is 0.
    Free,
    /// The backend failed, and the policy admitted the request.
    AllowedOnError,
    /// The backend failed, and the policy throttled the request.
    ThrottledOnError,
    /// The throttle is in dry-run mode: the request is admitted although it would have been denied, by the
    /// backend or because the backend failed.
    DryRun,
    /// The concurrency limit decided: [`Settings::max_concurrent`](crate::Settings::max_concurrent). Either all
    /// permits are in use, or the throttle has no rate and the request received a permit.
    Concurrency,
    /// The program denied the request itself: [`Throttled::new`](crate::Throttled::new).
    Program,
    /// The client is on the throttle's [`deny`](crate::Settings::deny) list: status 403.
    Forbidden,
}
