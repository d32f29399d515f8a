//! The active registry.

use std::borrow::Cow;
use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

#[cfg(feature = "axum")]
use http::Extensions;
#[cfg(any(feature = "axum", feature = "tower"))]
use http::request::Parts;

use super::Registry;
use crate::error::ConfigError;

static GLOBAL: OnceLock<Registry> = OnceLock::new();

/// Whether a registry was ever scoped. Until then, no call reads the thread's registry.
static SCOPES_EXIST: AtomicBool = AtomicBool::new(false);

/// The number of registries that were made so far. While the global registry is the only one, no request is
/// searched for another one.
static MADE: AtomicUsize = AtomicUsize::new(0);

thread_local!(static SCOPED: RefCell<Option<Registry>> = const { RefCell::new(None) });

impl Registry {
    /// Returns the active registry: the registry of the current [scope](Self::scope), or else the global
    /// registry.
    ///
    /// # Default
    ///
    /// If no registry was installed, this call makes the global registry, with the backend `memory` and
    /// [`Settings::BUILT_IN`](crate::Settings::BUILT_IN). A later
    /// [`install`](crate::RegistryBuilder::install) then fails.
    pub fn current() -> Self {
        Self::current_ref().into_owned()
    }

    pub(crate) fn current_ref() -> Cow<'static, Self> {
        if SCOPES_EXIST.load(Ordering::Relaxed)
            && let Some(scoped) = SCOPED.with_borrow(Clone::clone)
        {
            return Cow::Owned(scoped);
        }
        Cow::Borrowed(GLOBAL.get_or_init(Self::default))
    }

    /// Returns the active registry, if there is one. Makes none, because that would prevent a later
    /// `install`.
    #[cfg(feature = "axum")]
    pub(crate) fn installed() -> Option<Cow<'static, Self>> {
        let scopes_exist = SCOPES_EXIST.load(Ordering::Relaxed);
        let scoped = scopes_exist.then(|| SCOPED.with_borrow(Clone::clone)).flatten();
        scoped.map(Cow::Owned).or_else(|| GLOBAL.get().map(Cow::Borrowed))
    }

    /// Returns the active registry of a request: its own, the one of the [scope](Self::scope), or the global
    /// one.
    #[cfg(any(feature = "axum", feature = "tower"))]
    pub(crate) fn of_request(parts: &Parts) -> Cow<'static, Self> {
        let own = if Self::is_only_global() { None } else { parts.extensions.get::<Self>() };
        own.cloned().map_or_else(Self::current_ref, Cow::Owned)
    }

    /// Whether the request has a registry of its own.
    #[cfg(feature = "axum")]
    #[inline]
    pub(crate) fn is_in(request: &Extensions) -> bool {
        !Self::is_only_global() && request.get::<Self>().is_some()
    }

    /// Whether no registry was made besides the global one. A request cannot have a registry that was not made
    /// before, so the thread that decides about the request sees the number with it.
    #[cfg(any(feature = "axum", feature = "tower"))]
    #[inline]
    fn is_only_global() -> bool {
        MADE.load(Ordering::Relaxed) == 1 && GLOBAL.get().is_some()
    }

    /// Counts the registries that are made.
    pub(super) fn count_registry() {
        MADE.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn is_global(&self) -> bool {
        GLOBAL.get().is_some_and(|global| Arc::ptr_eq(&global.0, &self.0))
    }

    pub(super) fn check_not_global_yet() -> Result<(), ConfigError> {
        if GLOBAL.get().is_some() { Err(taken()) } else { Ok(()) }
    }

    pub(super) fn make_global(self) -> Result<Self, ConfigError> {
        GLOBAL.set(self.clone()).map(|()| self).map_err(|_| taken())
    }

    /// Runs a future with this registry active instead of the global one. The registry is active for
    /// everything that the future polls itself, but not for tasks that it spawns. For a router, see
    /// [`Registry`].
    ///
    /// ```
    /// use throttle::{Registry, registry};
    ///
    /// # async fn example() -> Result<(), throttle::ConfigError> {
    /// let registry = registry().namespace("test").build().await?;
    /// registry.scope(async { assert_eq!(Registry::current().namespace(), "test") }).await;
    /// # Ok(())
    /// # }
    /// ```
    pub fn scope<F: Future>(&self, future: F) -> Scoped<F> {
        SCOPES_EXIST.store(true, Ordering::Relaxed);
        Scoped { registry: self.clone(), future: Box::pin(future) }
    }

    /// Returns the namespace, which separates the state of this registry's throttles from other state in a
    /// shared store.
    pub fn namespace(&self) -> &str {
        &self.0.environment.namespace
    }
}

fn taken() -> ConfigError {
    ConfigError::one(
        "a registry is already installed or in use: install one registry, before the first request",
    )
}

/// A future with its own active registry: see [`Registry::scope`].
///
/// ```
/// use throttle::Registry;
///
/// async fn clean_up() {}
///
/// /// Spawns a task with the registry that is active here. A plain `tokio::spawn` would use the global one.
/// fn spawn_clean_up() -> tokio::task::JoinHandle<()> {
///     tokio::spawn(Registry::current().scope(clean_up()))
/// }
/// # let _ = spawn_clean_up;
/// ```
#[derive(Debug)]
pub struct Scoped<F> {
    registry: Registry,
    future: Pin<Box<F>>,
}

impl<F: Future> Future for Scoped<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let outer = SCOPED.replace(Some(self.registry.clone()));
        let _restore = Restore(outer);
        self.future.as_mut().poll(context)
    }
}

/// Restores the outer registry when it is dropped, also if the future panics.
struct Restore(Option<Registry>);

impl Drop for Restore {
    fn drop(&mut self) {
        SCOPED.set(self.0.take());
    }
}
