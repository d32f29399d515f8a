//! The check of a whole program against its registry.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;

use super::{Registry, place};
use crate::Site;

impl Registry {
    /// Every problem that the attributes of this program have with this registry.
    pub(super) fn verify(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut seen: BTreeMap<&str, &Site> = BTreeMap::new();
        for site in crate::sites() {
            if let Err(found) = self.settle((site.uid(), site.name()), *site.settings()) {
                problems.extend(found.into_iter().map(|problem| format!("{}: {problem}", place(site))));
            }
            let first = *seen.entry(site.uid()).or_insert(site);
            if !std::ptr::eq(first, site) {
                problems.extend(clash(first, site));
            }
        }
        problems
    }
}

/// Two attributes may share a uid on purpose, if it was chosen and they say the same.
fn clash(first: &Site, second: &Site) -> Option<String> {
    let shared = first.is_named() && second.is_named();
    let same = shared && first.settings().describe() == second.settings().describe();
    (!same).then(|| {
        let (here, there, uid) = (place(second), place(first), second.uid());
        if shared {
            format!("{here}: the uid `{uid}` also stands at {there} with different settings: make them the same or choose another uid")
        } else {
            format!("{here}: another function at {there} is called `{uid}` too: give this one a `uid`")
        }
    })
}

pub(super) fn unknown_backend<'n>(
    uid: &str,
    name: &str,
    declared: impl Iterator<Item = &'n Arc<str>>,
) -> String {
    let mut declared: Vec<_> = declared.map(|name| format!("\"{name}\"")).collect();
    declared.sort_unstable();
    let declared = declared.join(", ");
    format!("`{uid}` runs on the backend \"{name}\", which is not declared: declared are {declared}")
}

/// Overrides that override nothing are misspelt.
pub(super) fn unknown_overrides<'u>(uids: impl Iterator<Item = &'u String>) -> Vec<String> {
    let sites = crate::sites();
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

/// An error and what it came from, in one line.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
