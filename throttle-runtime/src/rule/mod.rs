//! Which requests a throttle is about.
//!
//! A [`Rule`] says which requests it means: by path, by method, by what a function answers. `only` has a throttle
//! apply to requests that a rule means and to no others, `bypass` has it pass them by. Rules stand in the attribute,
//! in [`Settings`](crate::Settings), on a layer, or are [added](crate::Registry::add_rules) while the program runs.
//!
//! What a rule excludes is decided before anything else is looked at: it consumes nothing, no key, rate or cost is
//! asked for, and it is counted as [skipped](crate::Counts::skipped).

mod added;
mod pattern;
mod predicate;
mod rules;
#[cfg(test)]
mod tests;

use std::fmt;
use std::mem;
use std::str::FromStr;

use http::Method;

pub(crate) use added::Added;
pub use predicate::{If, Predicate};
pub use rules::Rules;
#[cfg(any(feature = "axum", feature = "tower"))]
pub(crate) use rules::read;
pub(crate) use rules::{Asked, and, ask};

use self::pattern::Pattern;
use crate::ConfigError;

/// Which requests are meant: those of a path, of some methods, and that a function says yes to, as far as each of
/// these is said.
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
/// A pattern is about the whole path: `/api` means `/api`, and neither `/apix` nor `/api/users`. Between slashes `*`
/// stands for one segment that is not empty, and `**` for any number of them, also none: `/api/*` means `/api/users`,
/// and `/api/**` means `/api`, `/api/` and `/api/users/7`.
///
/// It is compared with the path of the request's URI as it came, byte by byte, which is what axum's router goes by
/// too. Nothing is decoded and nothing resolved: `/%61pi` is not `/api`, `/a/../api` neither, `//api` begins
/// with an empty segment, and so `/api/` ends with one. A service that makes such paths the same before it answers
/// has to do so before the throttle, or a client chooses which rules hold. A handler or layer inside of axum's
/// [`nest`](https://docs.rs/axum/latest/axum/struct.Router.html#method.nest) sees the path without the prefix of it,
/// and so do its rules.
#[derive(Clone, PartialEq, Eq)]
pub struct Rule {
    pattern: Option<Pattern>,
    /// The first of them; any, if there is none.
    methods: [Option<Method>; MOST],
}

/// How many methods a rule may name.
const MOST: usize = 8;

impl Rule {
    /// Every request.
    pub const fn any() -> Self {
        Self { pattern: None, methods: [const { None }; MOST] }
    }

    /// Requests whose path is as this [pattern](Self#paths) says.
    ///
    /// # Panics
    ///
    /// If it is no pattern, which in a constant does not compile. For patterns that are no literals there is
    /// [`FromStr`].
    #[track_caller]
    pub const fn path(pattern: &'static str) -> Self {
        match Pattern::check(pattern) {
            Ok(wild) => {
                Self { pattern: Some(Pattern::constant(pattern, wild)), methods: [const { None }; MOST] }
            }
            Err(problem) => panic!("{}", problem),
        }
    }

    /// Of these the ones of that method, or of another that was named before. `GET` does not mean `HEAD`.
    ///
    /// # Panics
    ///
    /// If it is the ninth method.
    #[track_caller]
    #[must_use]
    pub const fn method(mut self, method: Method) -> Self {
        let mut count = 0;
        while self.methods[count].is_some() {
            count += 1;
            assert!(count < MOST, "a rule names up to eight methods");
        }
        // What was there is `None`, which `const` cannot drop by itself.
        mem::forget(self.methods[count].replace(method));
        self
    }

    /// Of these the ones that a plain async fn says yes to. Its arguments are extractors of the request head, and its
    /// answer is a `bool`, or a `Result` of that whose error is a response, which ends the request. It is asked for
    /// requests only that are meant otherwise.
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

    /// Whether a request of that method and path is meant.
    pub fn matches(&self, method: &Method, path: &str) -> bool {
        let mut methods = self.methods.iter().flatten().peekable();
        (methods.peek().is_none() || methods.any(|known| known == method))
            && self.pattern.as_ref().is_none_or(|pattern| pattern.matches(path))
    }
}

/// The rule of a path pattern from a configuration.
impl FromStr for Rule {
    type Err = ConfigError;

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
