//! Rules as settings, alone and with a function.

use std::fmt;
use std::marker::PhantomData;

use super::Rule;
use crate::config::resolver::{EarlyResponse, IntoResolver, RequestContext, Role, Shape, Value, role};
use crate::util::now_or_later::NowOrLater;

/// A rule with a function: see [`Rule::when`].
///
/// ```
/// use axum::http::HeaderMap;
/// use throttle::{Rule, Settings, rule::Predicate};
///
/// async fn is_bot(headers: HeaderMap) -> bool {
///     headers.contains_key("x-bot")
/// }
///
/// let bots: Predicate<_> = Rule::path("/search").when(is_bot);
/// let settings = Settings::new().rate("1/s").only(bots);
/// ```
#[derive(Clone)]
pub struct Predicate<F> {
    rule: Rule,
    function: F,
}

/// Marks an argument that is a [`Predicate`] of an argument that `M` marks.
#[doc(hidden)]
#[derive(Debug)]
pub struct If<M>(PhantomData<M>);

impl<F> Predicate<F> {
    pub(super) const fn new(rule: Rule, function: F) -> Self {
        Self { rule, function }
    }
}

impl Rule {
    fn means(&self, context: &RequestContext<'_>) -> bool {
        self.matches(&context.parts.method, context.parts.uri.path())
    }
}

impl<E> IntoResolver<role::rule, Value, E> for Rule {
    fn resolve<'a>(
        &'a self,
        context: &'a mut RequestContext<'_>,
    ) -> NowOrLater<'a, Result<bool, EarlyResponse>> {
        NowOrLater::now(Ok(self.means(context)))
    }

    fn read(&self, context: &RequestContext<'_>) -> Option<bool> {
        Some(self.means(context))
    }

    fn describe(&self) -> String {
        self.to_string()
    }
}

#[diagnostic::do_not_recommend]
impl<R: Role, M, E, F: Shape<R, M, E>> Shape<R, If<M>, E> for Predicate<F> {}

impl<F: IntoResolver<role::rule, M, E>, M, E> IntoResolver<role::rule, If<M>, E> for Predicate<F> {
    fn resolve<'a>(
        &'a self,
        context: &'a mut RequestContext<'_>,
    ) -> NowOrLater<'a, Result<bool, EarlyResponse>> {
        if self.rule.means(context) { self.function.resolve(context) } else { NowOrLater::now(Ok(false)) }
    }

    fn read(&self, context: &RequestContext<'_>) -> Option<bool> {
        if self.rule.means(context) { self.function.read(context) } else { Some(false) }
    }

    fn describe(&self) -> String {
        format!("{} when {}", self.rule, self.function.describe())
    }
}

impl<F> fmt::Debug for Predicate<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Predicate({} when {})", self.rule, std::any::type_name::<F>())
    }
}
