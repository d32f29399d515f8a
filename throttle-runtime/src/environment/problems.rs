//! The texts of problems with declared backends and settings.

use std::sync::Arc;

use crate::backend::named::NamedBackend;
use crate::config::settings::Settings;

pub(crate) fn problems_in(place: &str, settings: &Settings) -> Vec<String> {
    settings.problems().into_iter().map(|problem| format!("{place}: {problem}")).collect()
}

pub(crate) fn unknown_backend<'n>(
    uid: &str,
    name: &str,
    declared: impl Iterator<Item = &'n Arc<str>>,
) -> String {
    format!("`{uid}` runs on {}", undeclared(name, declared))
}

/// Returns a problem for each backend that has no concurrency limits.
pub(crate) fn without_concurrency_store(
    uid: &str,
    primary: &NamedBackend,
    standby: Option<&NamedBackend>,
) -> Vec<String> {
    let backends = [Some(primary), standby].into_iter().flatten();
    let without = backends.filter(|named| named.backend.concurrency_store().is_none());
    let problem = |named: &NamedBackend| {
        format!(
            "`{uid}` on \"{}\": concurrency limits need memory or Redis, or a backend that implements `concurrency_store`",
            named.name
        )
    };
    without.map(problem).collect()
}

pub(crate) fn unknown_fallback<'n>(
    uid: &str,
    name: &str,
    declared: impl Iterator<Item = &'n Arc<str>>,
) -> String {
    format!("`{uid}` falls back to {}", undeclared(name, declared))
}

pub(crate) fn unknown_coordination_store<'n>(
    uid: &str,
    name: &str,
    declared: impl Iterator<Item = &'n Arc<str>>,
) -> String {
    format!("`{uid}` shares its breaker through {}", undeclared(name, declared))
}

pub(crate) fn undeclared<'n>(name: &str, declared: impl Iterator<Item = &'n Arc<str>>) -> String {
    let mut declared: Vec<_> = declared.map(|name| format!("\"{name}\"")).collect();
    declared.sort_unstable();
    format!("the backend \"{name}\", which is not declared. Declared backends: {}", declared.join(", "))
}
