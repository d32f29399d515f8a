//! What several rules come to.

use std::fmt;

use crate::plug::{Arg, Ask, Head, Refusal, Web, role};
use crate::settings::keep;

/// A rule, whatever it was made from.
pub(crate) type Asked = &'static dyn Ask<role::rule>;

/// Rules that belong together: which requests, and which of them not.
///
/// A request is excluded if a `bypass` means it, or if there is an `only` and none of them means it. Like
/// [`Settings`](crate::Settings) they are part of the program, and are kept for good.
///
/// ```
/// use axum::http::Method;
/// use throttle::Rule;
/// use throttle::rule::Rules;
///
/// let rules = Rules::new().only(Rule::path("/api/**")).bypass(Rule::any().method(Method::OPTIONS));
/// assert_eq!(format!("{rules:?}"), "Rules { only: [/api/**], bypass: [OPTIONS] }");
/// ```
#[derive(Clone, Copy, Default)]
pub struct Rules {
    pub(crate) only: &'static [Asked],
    pub(crate) bypass: &'static [Asked],
}

impl Rules {
    /// No rules: every request.
    pub const fn new() -> Self {
        Self { only: &[], bypass: &[] }
    }

    /// Adds requests that are meant: a [`Rule`](super::Rule), one [with a function](super::Rule::when), or just an
    /// async fn that answers a `bool`.
    #[must_use]
    pub fn only<M: 'static>(mut self, rule: impl Arg<role::rule, M, Web<()>> + 'static) -> Self {
        self.only = and(self.only, keep(rule));
        self
    }

    /// Adds requests that are not meant, whatever else says they are: a [`Rule`](super::Rule), one [with a
    /// function](super::Rule::when), or just an async fn that answers a `bool`.
    #[must_use]
    pub fn bypass<M: 'static>(mut self, rule: impl Arg<role::rule, M, Web<()>> + 'static) -> Self {
        self.bypass = and(self.bypass, keep(rule));
        self
    }
}

/// These rules and one more.
pub(crate) fn and(rules: &'static [Asked], rule: Asked) -> &'static [Asked] {
    Vec::leak([rules, &[rule]].concat())
}

/// Whether a request that all these rules are about is included, if no function has to be asked for that.
pub(crate) fn read(sets: impl Iterator<Item = Rules> + Clone, head: &Head<'_>) -> Option<bool> {
    let bypassed = any(sets.clone().flat_map(|rules| rules.bypass), head);
    if bypassed == Some(true) {
        return Some(false);
    }
    let mut only = sets.flat_map(|rules| rules.only).peekable();
    let included = if only.peek().is_none() { Some(true) } else { any(only, head) };
    match (bypassed, included) {
        (_, Some(false)) => Some(false),
        (Some(false), included) => included,
        (_, _) => None,
    }
}

/// Whether a request that all these rules are about is included. Functions are asked last, and only if it depends on
/// them.
pub(crate) async fn ask(
    sets: impl Iterator<Item = Rules> + Clone + Send,
    head: &mut Head<'_>,
) -> Result<bool, Refusal> {
    if let Some(known) = read(sets.clone(), head) {
        return Ok(known);
    }
    for rule in sets.clone().flat_map(|rules| rules.bypass) {
        if rule.ask(head).await? {
            return Ok(false);
        }
    }
    let only = sets.flat_map(|rules| rules.only);
    if only.clone().next().is_none() || any(only.clone(), head) == Some(true) {
        return Ok(true);
    }
    for rule in only {
        if rule.ask(head).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether one of the rules means the request, if that is known without functions.
fn any<'r>(rules: impl Iterator<Item = &'r Asked>, head: &Head<'_>) -> Option<bool> {
    let mut answer = Some(false);
    for rule in rules {
        match rule.read(head) {
            Some(true) => return Some(true),
            Some(false) => {}
            None => answer = None,
        }
    }
    answer
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts = |rules: &[Asked]| rules.iter().map(|rule| rule.describe()).collect::<Vec<_>>().join(", ");
        let (only, bypass) = (texts(self.only), texts(self.bypass));
        f.debug_struct("Rules")
            .field("only", &format_args!("[{only}]"))
            .field("bypass", &format_args!("[{bypass}]"))
            .finish()
    }
}
