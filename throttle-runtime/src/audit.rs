//! Who changes a limiter and why, for the events of these changes.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// Who changes a limiter, and why: two optional fields of the events that changes leave.
///
/// Each of these calls leaves one event of `tracing` at level INFO with the target `throttle`: `disable`, `enable`,
/// `disable_all`, `enable_all`, `set_dry_run`, `add_rules`, `remove`, `reset` and `update` of a registry, `update` and
/// `reset` of a throttle, `force_open` and `force_close` of a breaker. In the scope of an `Audit` the event also has the
/// fields `by` and `why`. No event contains a key.
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
    /// Neither a person nor a reason.
    pub const fn new() -> Self {
        Self { by: None, why: None }
    }

    /// Sets who changes something: a person, or a program such as a controller.
    #[must_use]
    pub fn by(self, name: impl Into<Arc<str>>) -> Self {
        Self { by: Some(name.into()), ..self }
    }

    /// Sets the reason.
    #[must_use]
    pub fn because(self, reason: impl Into<Arc<str>>) -> Self {
        Self { why: Some(reason.into()), ..self }
    }

    /// Calls a function that changes something.
    pub fn run<T>(&self, change: impl FnOnce() -> T) -> T {
        let _restore = Restore(CURRENT.replace(self.clone()));
        change()
    }

    /// Runs a future that changes something. The fields are added to changes that the future itself makes, not to those of
    /// tasks that it spawns.
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

/// Has an event written with the person and the reason of the current scope.
pub(crate) fn event(write: impl FnOnce(Option<&str>, Option<&str>)) {
    // Whoever listens to events may begin a scope, so nothing is borrowed meanwhile.
    let Audit { by, why } = CURRENT.with_borrow(Clone::clone);
    write(by.as_deref(), why.as_deref());
}

/// A future whose changes have a person and a reason: see [`Audit::scope`].
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
