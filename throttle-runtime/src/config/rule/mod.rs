//! Rules: which requests a throttle applies to.
//!
//! A [`Rule`] matches requests by path, by method, or by the result of a function. With `only`, a throttle
//! applies to requests that a rule matches, and to no others. With `bypass`, it does not apply to requests
//! that a rule matches. Rules are set in the attribute, in [`Settings`](crate::Settings), on a layer, or
//! [added](crate::Registry::add_rules) while the program runs.
//!
//! Rules are checked before everything else. A request that they exclude consumes nothing, no function for
//! its key, rate or cost is called, and it is counted as [skipped](crate::Counts::skipped).

mod appended;
mod path_pattern;
mod predicate;
mod rule_set;
#[cfg(test)]
mod tests;

use std::str::FromStr;
use std::{fmt, mem};

use http::Method;

pub(crate) use appended::Added;
pub use predicate::{If, Predicate};
pub use rule_set::Rules;
#[cfg(any(feature = "axum", feature = "tower"))]
pub(crate) use rule_set::read;
pub(crate) use rule_set::{RuleResolvers, and, resolve};

use crate::error::ConfigError;
use path_pattern::Pattern;

/// A matcher for requests: by path, by methods, and by a function. A request has to match all of these that
/// are set.
///
/// ```
/// use axum::http::Method;
/// use throttle::{Rule, throttle};
///
/// const API: Rule = Rule::path("/api/**").method(Method::GET).method(Method::HEAD);
/// assert!(API.matches(&Method::GET, "/api/users/7"));
/// assert!(!API.matches(&Method::POST, "/api/users/7"));
/// assert!(!API.matches(&Method::GET, "/apix"));
///
/// #[throttle(rate = "100/min", only = API, bypass = "/api/health")]
/// async fn items() -> &'static str {
///     "ok"
/// }
/// ```
///
/// # Paths
///
/// A pattern matches the whole path: `/api` matches `/api`, and neither `/apix` nor `/api/users`. Between
/// slashes, `*` matches one segment that is not empty, and `**` matches any number of segments, including
/// none: `/api/*` matches `/api/users`, and `/api/**` matches `/api`, `/api/` and `/api/users/7`. A segment such
/// as `{id}` or `:id` is an error.
///
/// **Security:** the pattern is compared byte by byte with the path of the request's URI as it was received.
/// Axum's router does the same. Nothing is decoded and nothing is resolved: `/%61pi` and `/a/../api` do not
/// match `/api`, `//api` begins with an empty segment, and `/api/` ends with one. A service that normalises
/// such paths has to do so before the throttle. Otherwise, a client can choose which rules apply.
///
/// A handler or layer inside axum's [`nest`](https://docs.rs/axum/latest/axum/struct.Router.html#method.nest)
/// sees the path without the prefix, and so do its rules.
#[derive(Clone, PartialEq, Eq)]
pub struct Rule {
    pattern: Option<Pattern>,
    /// The methods, from the first element on. Without a method, the rule matches all methods.
    methods: [Option<Method>; MOST],
}

/// The maximum number of methods of a rule.
const MOST: usize = 8;

impl Rule {
    /// Creates a rule that matches every request.
    pub const fn any() -> Self {
        Self { pattern: None, methods: [const { None }; MOST] }
    }

    /// Creates a rule that matches requests whose path matches this [pattern](Self#paths).
    ///
    /// # Panics
    ///
    /// Panics if the text is not a valid pattern. In a constant, this is a compile error. For patterns that
    /// are not literals, use [`FromStr`].
    #[track_caller]
    pub const fn path(pattern: &'static str) -> Self {
        match Pattern::check(pattern) {
            Ok(wild) => {
                Self { pattern: Some(Pattern::constant(pattern, wild)), methods: [const { None }; MOST] }
            }
            Err(problem) => panic!("{}", problem),
        }
    }

    /// Restricts the rule to requests with this method, or with a method that was added before. `GET` does
    /// not include `HEAD`.
    ///
    /// # Panics
    ///
    /// Panics if this is the ninth method.
    #[track_caller]
    #[must_use]
    pub const fn method(mut self, method: Method) -> Self {
        let mut count = 0;
        while self.methods[count].is_some() {
            count += 1;
            assert!(count < MOST, "a rule names up to eight methods");
        }
        // The old value is `None`, which a `const fn` cannot drop.
        mem::forget(self.methods[count].replace(method));
        self
    }

    /// Restricts the rule to requests for which an async function returns `true`. The function is called only
    /// for requests that the path and the methods match.
    ///
    /// Its arguments are extractors of the request parts. It returns a `bool`, or a `Result` of a `bool`
    /// whose error is a response, which ends the request.
    ///
    /// ```
    /// use axum::http::HeaderMap;
    /// use throttle::{Rule, throttle};
    ///
    /// async fn is_bot(headers: HeaderMap) -> bool {
    ///     headers.get("user-agent").is_some_and(|agent| agent.as_bytes().ends_with(b"bot"))
    /// }
    ///
    /// #[throttle(rate = "1/s", only = Rule::path("/search").when(is_bot))]
    /// async fn search() {}
    /// ```
    pub const fn when<F>(self, function: F) -> Predicate<F> {
        Predicate::new(self, function)
    }

    /// Returns whether the rule matches a request with this method and path.
    pub fn matches(&self, method: &Method, path: &str) -> bool {
        let mut methods = self.methods.iter().flatten().peekable();
        (methods.peek().is_none() || methods.any(|known| known == method))
            && self.pattern.as_ref().is_none_or(|pattern| pattern.matches(path))
    }
}

/// Parses a path pattern, for example from a configuration file.
///
/// ```
/// use axum::http::Method;
/// use throttle::Rule;
///
/// let rule: Rule = "/api/*".parse()?;
/// assert!(rule.matches(&Method::GET, "/api/users"));
/// # Ok::<(), throttle::ConfigError>(())
/// ```
impl FromStr for Rule {
    type Err = ConfigError;

    /// Parses a [pattern](Rule#paths), and creates a rule that matches all methods.
    ///
    /// # Errors
    ///
    /// If the text is not a pattern.
    fn from_str(pattern: &str) -> Result<Self, ConfigError> {
        match Pattern::parse(pattern) {
            Ok(pattern) => Ok(Self { pattern: Some(pattern), ..Self::any() }),
            Err(problem) => Err(ConfigError::one(format!("the rule {pattern:?}: {problem}"))),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let methods: Vec<_> = self.methods.iter().flatten().map(Method::as_str).collect();
        f.write_str(&methods.join("|"))?;
        match &self.pattern {
            Some(pattern) if methods.is_empty() => f.write_str(pattern.text()),
            Some(pattern) => write!(f, " {}", pattern.text()),
            None if methods.is_empty() => f.write_str("any"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rule({self})")
    }
}
