//! Sets of rules, and their evaluation.

use std::fmt;

use crate::config::resolver::{
    EarlyResponse, IntoResolver, RequestContext, Resolver, Shape, Web, into_shared, role,
};
use crate::config::settings::Same;
use crate::util::shared::Shared;

/// Rules, independent of the types that they were made from.
pub(crate) type RuleResolvers = Shared<[Shared<dyn Resolver<role::rule>>]>;

/// The rules of an attribute.
impl From<&'static [&'static dyn Resolver<role::rule>]> for RuleResolvers {
    fn from(rules: &'static [&'static dyn Resolver<role::rule>]) -> Self {
        Self::Counted(rules.iter().map(|rule| Shared::Static(*rule)).collect())
    }
}

/// A set of rules: which requests are included, and which are excluded.
///
/// A request is excluded if a `bypass` rule matches it, or if there are `only` rules and none of them matches
/// it. Clones share their rules.
///
/// ```
/// use axum::http::Method;
/// use throttle::Rule;
/// use throttle::rule::Rules;
///
/// let rules = Rules::new().only(Rule::path("/api/**")).bypass(Rule::any().method(Method::OPTIONS));
/// assert_eq!(format!("{rules:?}"), "Rules { only: [/api/**], bypass: [OPTIONS] }");
/// ```
#[derive(Clone)]
pub struct Rules {
    pub(crate) only: RuleResolvers,
    pub(crate) bypass: RuleResolvers,
}

impl Default for Rules {
    /// Returns an empty set, which includes every request.
    fn default() -> Self {
        Self::new()
    }
}

impl Rules {
    /// Creates an empty set, which includes every request.
    pub const fn new() -> Self {
        Self { only: Shared::Static(&[]), bypass: Shared::Static(&[]) }
    }

    /// Whether the set includes every request because it has no rules.
    #[cfg(any(feature = "axum", feature = "tower"))]
    pub(crate) fn is_empty(&self) -> bool {
        self.only.is_empty() && self.bypass.is_empty()
    }

    /// Whether both sets are certainly equal.
    pub(crate) fn same(&self, other: &Self) -> bool {
        self.only.same(&other.only) && self.bypass.same(&other.bypass)
    }

    /// Adds a rule for requests that are included: a [`Rule`](super::Rule), a rule [with a
    /// function](super::Rule::when), or an async function that returns a `bool`.
    #[must_use]
    pub fn only<M: 'static>(
        mut self,
        rule: impl Shape<role::rule, M, Web<()>> + IntoResolver<role::rule, M, Web<()>> + 'static,
    ) -> Self {
        self.only = and(Some(&self.only), into_shared(rule));
        self
    }

    /// Adds a rule for requests that are excluded, even if an `only` rule matches them: a
    /// [`Rule`](super::Rule), a rule [with a function](super::Rule::when), or an async function that returns
    /// a `bool`.
    #[must_use]
    pub fn bypass<M: 'static>(
        mut self,
        rule: impl Shape<role::rule, M, Web<()>> + IntoResolver<role::rule, M, Web<()>> + 'static,
    ) -> Self {
        self.bypass = and(Some(&self.bypass), into_shared(rule));
        self
    }
}

/// Returns these rules and one more.
pub(crate) fn and(rules: Option<&RuleResolvers>, rule: Shared<dyn Resolver<role::rule>>) -> RuleResolvers {
    Shared::Counted(rules.into_iter().flat_map(|rules| rules.iter().cloned()).chain([rule]).collect())
}

/// Whether the rules include a request, if no function has to be called for that.
pub(crate) fn read<'r>(
    sets: impl Iterator<Item = &'r Rules> + Clone,
    context: &RequestContext<'_>,
) -> Option<bool> {
    let bypassed = any(sets.clone().flat_map(|rules| rules.bypass.iter()), context);
    if bypassed == Some(true) {
        return Some(false);
    }
    let mut only = sets.flat_map(|rules| rules.only.iter()).peekable();
    let included = if only.peek().is_none() { Some(true) } else { any(only, context) };
    match (bypassed, included) {
        (_, Some(false)) => Some(false),
        (Some(false), included) => included,
        (_, _) => None,
    }
}

/// Whether the rules include a request. Functions are called last, and only if the result depends on them.
pub(crate) async fn resolve<'r>(
    sets: impl Iterator<Item = &'r Rules> + Clone + Send,
    context: &mut RequestContext<'_>,
) -> Result<bool, EarlyResponse> {
    if let Some(known) = read(sets.clone(), context) {
        return Ok(known);
    }
    for rule in sets.clone().flat_map(|rules| rules.bypass.iter()) {
        if rule.resolve(context).await? {
            return Ok(false);
        }
    }
    let only = sets.flat_map(|rules| rules.only.iter());
    if only.clone().next().is_none() || any(only.clone(), context) == Some(true) {
        return Ok(true);
    }
    for rule in only {
        if rule.resolve(context).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether one of the rules matches the request, if that is known without functions.
fn any<'r>(
    rules: impl Iterator<Item = &'r Shared<dyn Resolver<role::rule>>>,
    context: &RequestContext<'_>,
) -> Option<bool> {
    let mut matches = Some(false);
    for rule in rules {
        match rule.read(context) {
            Some(true) => return Some(true),
            Some(false) => {}
            None => matches = None,
        }
    }
    matches
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts =
            |rules: &RuleResolvers| rules.iter().map(|rule| rule.describe()).collect::<Vec<_>>().join(", ");
        let (only, bypass) = (texts(&self.only), texts(&self.bypass));
        f.debug_struct("Rules")
            .field("only", &format_args!("[{only}]"))
            .field("bypass", &format_args!("[{bypass}]"))
            .finish()
    }
}
