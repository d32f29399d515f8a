//! The error of a configuration.

use std::error::Error;
use std::fmt;

/// The error of a registry or a throttle that cannot be created: every problem that was found, each with its
/// location.
///
/// `Debug` writes the same report as `Display`, because a `main` that returns an error prints `Debug`.
///
/// ```
/// use throttle::{Registry, Settings};
///
/// let settings = Settings::new().rate("10/fortnight");
/// let error = Registry::default().create("exports", settings).expect_err("no such unit of time");
/// assert_eq!(error.problems().len(), 1);
/// assert!(error.to_string().starts_with("throttle is misconfigured: "));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct ConfigError {
    problems: Vec<String>,
    /// Whether backends cannot be initialized. Then the configuration itself may be correct.
    is_outage: bool,
}

impl ConfigError {
    pub(crate) const fn new(problems: Vec<String>) -> Self {
        Self { problems, is_outage: false }
    }

    /// Creates the error of backends that cannot be initialized, for example because they are unreachable.
    pub(crate) const fn outage(problems: Vec<String>) -> Self {
        Self { problems, is_outage: true }
    }

    pub(crate) fn one(problem: impl Into<String>) -> Self {
        Self::new(vec![problem.into()])
    }

    /// Returns the problems, one sentence each.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problems.as_slice() {
            [problem] if self.is_outage => write!(f, "throttle cannot start: {problem}"),
            [problem] => write!(f, "throttle is misconfigured: {problem}"),
            problems => {
                if self.is_outage {
                    f.write_str("throttle cannot start:")?;
                } else {
                    write!(f, "throttle is misconfigured in {} places:", problems.len())?;
                }
                problems.iter().try_for_each(|problem| write!(f, "\n  - {problem}"))
            }
        }
    }
}

impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for ConfigError {}
