//! Throttling of functions that are not handlers.

use crate::backend::ConcurrencyPermit;
use crate::config::resolver::RequestContext;
use crate::edge::admit;
use crate::key::Key;
use crate::pipeline::admission_builder::AdmissionBuilder;
use crate::pipeline::degrade::DegradeSink;
use crate::pipeline::key_cache::KeyCache;
use crate::pipeline::throttle_error::ThrottleError;
use crate::registry::Registry;
use crate::registry::site::Site;

/// A return type that can express that the function did not run: `Result<_, E>` where `E` is created from
/// [`ThrottleError`].
///
/// ```
/// use throttle::{ThrottleError, throttle_fn};
///
/// struct MailError(String);
///
/// impl From<ThrottleError> for MailError {
///     fn from(error: ThrottleError) -> Self {
///         Self(error.to_string())
///     }
/// }
///
/// #[throttle_fn(rate = "2/min")]
/// async fn send_mail(to: &str) -> Result<String, MailError> {
///     Ok(format!("sent to {to}"))
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot represent a call that was throttled",
    label = "not a `Result` whose error implements `From<throttle::ThrottleError>`",
    note = "for an error type of your own, implement `From<throttle::ThrottleError>`",
    note = "for an error type of another crate, write `error = busy` in the attribute, where `busy` is a `fn(throttle::ThrottleError) -> E`; the feature `tonic` has `From<throttle::ThrottleError> for tonic::Status`",
    note = "on an axum handler use `#[throttle]` instead of `#[throttle_fn]`"
)]
pub trait Outcome {
    /// Returns the outcome of a call that did not run.
    fn refused(error: ThrottleError) -> Self;
}

#[diagnostic::do_not_recommend]
impl<T, E: From<ThrottleError>> Outcome for Result<T, E> {
    fn refused(error: ThrottleError) -> Self {
        Err(error.into())
    }
}

/// Returns the error of a call that did not run, created by the function in the argument `error`.
///
/// # Errors
///
/// Always returns the error.
pub fn call_error<T, E>(make: impl FnOnce(ThrottleError) -> E, error: ThrottleError) -> Result<T, E> {
    Err(make(error))
}

/// Decides a call against all sites of its function. The call is in flight until the returned permits are
/// dropped.
///
/// # Errors
///
/// Returns an error if a throttle denies the call, if a backend fails and `on_error` propagates its error, or
/// if a throttle is misconfigured.
pub async fn enter<const N: usize>(
    sites: &'static [Site; N],
    keys: [Option<Key>; N],
) -> Result<Vec<ConcurrencyPermit>, ThrottleError> {
    let registry = Registry::current_ref();
    let mut parts = ::http::Request::new(()).into_parts().0;
    let mut context = RequestContext {
        parts: &mut parts,
        state: &(),
        lookup: &registry.environment().lookup,
        is_request: false,
    };
    let mut known = KeyCache::default();
    let builder = AdmissionBuilder::new(&mut known, DegradeSink::Nobody);
    let admission = admit::admit(sites, keys, builder, &mut context, &registry).await?;
    Ok(admission.held)
}
