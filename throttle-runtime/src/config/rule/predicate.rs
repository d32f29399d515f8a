//! Rules as settings, alone and with a function.

use std::fmt;
use std::marker::PhantomData;

use super::Rule;
use crate::NowOrLater;
use crate::config::resolver::{Arg, Head, Refusal, Role, Shape, Value, role};

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
    fn means(&self, head: &Head<'_>) -> bool {
        self.matches(&head.parts.method, head.parts.uri.path())
    }
}

impl<E> Arg<role::rule, Value, E> for Rule {
    fn ask<'a>(&'a self, head: &'a mut Head<'_>) -> NowOrLater<'a, Result<bool, Refusal>> {
        NowOrLater::now(Ok(self.means(head)))
    }

    fn read(&self, head: &Head<'_>) -> Option<bool> {
        Some(self.means(head))
    }

    fn describe(&self) -> String {
        self.to_string()
    }
}

#[diagnostic::do_not_recommend]
impl<R: Role, M, E, F: Shape<R, M, E>> Shape<R, If<M>, E> for Predicate<F> {}

impl<F: Arg<role::rule, M, E>, M, E> Arg<role::rule, If<M>, E> for Predicate<F> {
    fn ask<'a>(&'a self, head: &'a mut Head<'_>) -> NowOrLater<'a, Result<bool, Refusal>> {
        if self.rule.means(head) { self.function.ask(head) } else { NowOrLater::now(Ok(false)) }
    }

    fn read(&self, head: &Head<'_>) -> Option<bool> {
        if self.rule.means(head) { self.function.read(head) } else { Some(false) }
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
