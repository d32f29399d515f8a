//! The author and the reason of changes to limiters, for the events that these changes emit.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// The author and the reason of a change to a limiter: two optional fields of the events that changes emit.
///
/// Each of these calls emits one `tracing` event at level INFO with the target `throttle`:
///
/// - on a registry: `disable`, `enable`, `disable_all`, `enable_all`, `set_dry_run`, `add_rules`, `remove`,
///   `reset` and `update`,
/// - on a throttle: `update` and `reset`,
/// - on a breaker: `force_open` and `force_close`.
///
/// In the scope of an `Audit`, the event also has the fields `by` and `why`. No event contains a key.
///
/// ```
/// use throttle::{Audit, Settings, registry};
///
/// # async fn example() -> Result<(), throttle::ConfigError> {
/// let registry = registry().build().await?;
/// registry.create("search", Settings::new().rate("100/min"))?;
/// let audit = Audit::new().by("alice").because("load test");
/// audit.run(|| registry.disable("search"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Audit {
    by: Option<Arc<str>>,
    why: Option<Arc<str>>,
}

thread_local!(static CURRENT: RefCell<Audit> = const { RefCell::new(Audit::new()) });

impl Audit {
    /// Creates an audit with neither an author nor a reason.
    pub const fn new() -> Self {
        Self { by: None, why: None }
    }

    /// Sets the author of the changes: a person, or a program such as a controller.
    ///
    /// # Default
    ///
    /// No author: events have no field `by`.
    #[must_use]
    pub fn by(self, name: impl Into<Arc<str>>) -> Self {
        Self { by: Some(name.into()), ..self }
    }

    /// Sets the reason of the changes.
    ///
    /// # Default
    ///
    /// No reason: events have no field `why`.
    #[must_use]
    pub fn because(self, reason: impl Into<Arc<str>>) -> Self {
        Self { why: Some(reason.into()), ..self }
    }

    /// Calls a function. The events of changes that it makes have the author and the reason.
    pub fn run<T>(&self, change: impl FnOnce() -> T) -> T {
        let _restore = Restore(CURRENT.replace(self.clone()));
        change()
    }

    /// Runs a future. The events of changes that the future itself makes have the author and the reason. The
    /// events of changes that its spawned tasks make do not.
    ///
    /// ```
    /// # async fn example(throttle: &throttle::Throttle) -> Result<(), throttle::BackendError> {
    /// use throttle::Audit;
    ///
    /// let audit = Audit::new().by("support").because("ticket 4711");
    /// audit.scope(throttle.reset("alice")).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn scope<F: Future>(&self, future: F) -> Audited<F> {
        Audited { audit: self.clone(), future: Box::pin(future) }
    }
}

/// Calls `write` with the author and the reason of the current scope, to emit an event.
pub(crate) fn event(write: impl FnOnce(Option<&str>, Option<&str>)) {
    // A subscriber that receives the event may begin a scope, so `CURRENT` is not borrowed during the call.
    let Audit { by, why } = CURRENT.with_borrow(Clone::clone);
    write(by.as_deref(), why.as_deref());
}

/// A future whose changes have an author and a reason. See [`Audit::scope`].
///
/// ```
/// use throttle::{Audit, Audited};
///
/// /// Adds the author `support` to the events of a change.
/// fn by_support<F: Future>(change: F) -> Audited<F> {
///     Audit::new().by("support").scope(change)
/// }
/// # let _ = by_support(async {});
/// ```
#[derive(Debug)]
pub struct Audited<F> {
    audit: Audit,
    future: Pin<Box<F>>,
}

impl<F: Future> Future for Audited<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let _restore = Restore(CURRENT.replace(self.audit.clone()));
        self.future.as_mut().poll(context)
    }
}

/// Restores the outer scope, also after a panic.
struct Restore(Audit);

impl Drop for Restore {
    fn drop(&mut self) {
        CURRENT.set(std::mem::take(&mut self.0));
    }
}
