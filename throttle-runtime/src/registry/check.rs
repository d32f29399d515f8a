//! Checks a whole program against its registry, and reports the active limits.

use std::collections::BTreeMap;

use tracing::level_filters::LevelFilter;

use super::Registry;
use crate::config::declaration::Declaration;
use crate::config::policy::Policy;
use crate::config::settings::Settings;
use crate::environment::Declared;
use crate::environment::problems::{problems_in, undeclared};
use crate::registry::site::Site;
use crate::util::notice;

impl Registry {
    /// Returns every problem of the program's attributes in this registry.
    pub(super) fn verify(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut seen: BTreeMap<&str, &Site> = BTreeMap::new();
        let Declared { backends, defaults, overrides } = self.declared();
        let misled = defaults.backend.as_ref().is_some_and(|name| !backends.contains_key(&**name));
        for site in crate::registry::linked_sites::sites() {
            let own = overrides.get(site.uid()).cloned().unwrap_or_default().or(site.settings());
            // If the defaults name an unknown backend, that is reported once, and not for each attribute that
            // uses them.
            let innocent = misled && own.backend.is_none();
            if let Err(found) = self.environment().settle(&Declaration::by(site), Settings::NONE)
                && !innocent
            {
                problems.extend(found.into_iter().map(|problem| format!("{}: {problem}", site.place())));
            }
            let first = *seen.entry(site.uid()).or_insert(site);
            if !std::ptr::eq(first, site) {
                problems.extend(clash(first, site));
            }
        }
        problems.extend(self.costs());
        problems
    }

    /// Returns the costs of uses of a static that its limits never admit.
    fn costs(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for (site, cost, at) in super::linked_sites::costs() {
            let place = format!("{}:{}", at.file(), at.line());
            // Problems of the static itself are reported where it is declared.
            let policy = || self.environment().settle(&Declaration::by(site), Settings::NONE).ok();
            match cost {
                Err(error) => {
                    problems.extend(error.problems().iter().map(|problem| format!("{place}: {problem}")));
                }
                Ok(cost) => {
                    let rate = policy().and_then(|policy| policy.never_fits(cost));
                    problems.extend(rate.map(|rate| {
                        format!("{place}: this use of `{}` costs {cost}, which never fits {rate}", site.uid())
                    }));
                }
            }
        }
        problems
    }
}

impl Registry {
    /// Logs one event per attribute, with its backend and the time budget of a decision.
    ///
    /// If no subscriber listens to events, the same report is written to stderr.
    pub(super) fn announce(&self) {
        let mut lines = vec!["throttle: these limits are active:".to_owned()];
        for site in crate::registry::linked_sites::sites() {
            let Ok(policy) = self.environment().settle(&Declaration::by(site), Settings::NONE) else {
                continue;
            };
            let (uid, backend, on_error) = (site.uid(), &*policy.primary.name, policy.on_error.describe());
            let (rate, max_concurrent) = (policy.rate.describe(), policy.settings.max_concurrent);
            tracing::info!(target: "throttle", uid, rate, max_concurrent, backend, on_error, total_timeout = ?policy.total_timeout, "a limit");
            let concurrently =
                max_concurrent.map(|most| format!(", {most} concurrently")).unwrap_or_default();
            warn_of_timeouts(uid, &policy);
            lines.push(format!("  - {uid}: {rate}{concurrently} on \"{backend}\", on_error {on_error}"));
        }
        if lines.len() > 1 {
            notice::unheard(LevelFilter::INFO, || lines.join("\n"));
        }
    }
}

/// Warns of settings that retry timeouts, if timeouts can only be retried when nothing was sent.
pub(super) fn warn_of_timeouts(uid: &str, policy: &Policy) {
    if policy.retries_unrecognised() {
        const PROBLEM: &str = "`retry_on` names timeouts, but with this strategy the backend cannot recognise a request that it has \
             charged: a request that timed out after it was sent is not retried, and goes to the fallback or to `otherwise`";
        let backend = &*policy.primary.name;
        tracing::warn!(target: "throttle", uid, backend, "{PROBLEM}");
        notice::unheard_warning(|| format!("`{uid}` on \"{backend}\": {PROBLEM}"));
    }
}

impl Declared {
    /// Returns every problem of the declaration, with the place of the problem.
    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems: Vec<_> = problems_in("the defaults", &self.defaults);
        let overrides = self.overrides.iter();
        problems.extend(
            overrides.flat_map(|(uid, settings)| problems_in(&format!("the override for `{uid}`"), settings)),
        );
        for (name, (_, settings)) in &self.backends {
            let place = format!("the settings of the backend \"{name}\"");
            problems.extend(problems_in(&place, settings));
            if settings.backend.is_some() {
                problems.push(format!(
                    "{place}: they apply to throttles on this backend, so they cannot name a backend"
                ));
            }
        }
        if let Some(name) =
            self.defaults.backend.as_ref().filter(|name| !self.backends.contains_key(&***name))
        {
            problems.push(format!("the defaults: {}", undeclared(name, self.backends.keys())));
        }
        problems.sort_unstable();
        problems
    }
}

/// Two attributes may share a uid if both set it, and if their settings are equal.
fn clash(first: &Site, second: &Site) -> Option<String> {
    let shared = first.is_named() && second.is_named();
    let same = shared && first.settings().describe() == second.settings().describe();
    (!same).then(|| {
        let (here, there, uid) = (second.place(), first.place(), second.uid());
        if shared {
            format!("{here}: the uid `{uid}` is also used at {there} with different settings: use the same settings, or choose another uid")
        } else {
            format!("{here}: another function at {there} is called `{uid}` too: give this one a `uid`")
        }
    })
}

/// An override for an unknown uid is a typo. If no site is linked, unknown uids cannot be detected.
pub(super) fn unknown_overrides<'u>(uids: impl Iterator<Item = &'u String>) -> Vec<String> {
    let sites = crate::registry::linked_sites::sites();
    if sites.is_empty() {
        return Vec::new();
    }
    let unknown = uids.filter(|uid| !sites.iter().any(|site| site.uid() == uid.as_str()));
    let mut problems: Vec<_> = unknown
        .map(|uid| {
            let near = sites.iter().map(|site| site.uid()).max_by_key(|known| common_prefix(known, uid));
            let guess = near.filter(|near| common_prefix(near, uid) * 2 >= uid.len());
            let guess = guess.map_or(String::new(), |near| format!(", did you mean `{near}`?"));
            format!("an override is declared for `{uid}`, but no attribute has that uid{guess}")
        })
        .collect();
    problems.sort_unstable();
    problems
}

fn common_prefix(a: &str, b: &str) -> usize {
    a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count()
}
