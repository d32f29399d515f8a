//! The names of throttles in headers: unique within the program, and as short as that allows.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, LazyLock, Mutex};

use crate::registry::site::Site;
use crate::util::sync;

/// The names of all attributes: the function's name, or the shortest end of its path that belongs to no other
/// attribute.
static LINKED: LazyLock<LinkedNames> = LazyLock::new(LinkedNames::collect);

/// The identity of an attribute: uid, declaration and line.
type Place = (&'static str, u64, u32);

#[derive(Default)]
struct LinkedNames {
    names: HashMap<Place, String>,
    owners: HashMap<String, &'static str>,
}

impl LinkedNames {
    fn collect() -> Self {
        let sites = crate::registry::linked_sites::sites();
        let (named, paths): (Vec<&Site>, Vec<&Site>) = sites.into_iter().partition(|site| site.is_named());
        let chosen: HashSet<&str> = named.iter().map(|site| site.uid()).collect();
        let mut ends: HashMap<&str, usize> = HashMap::new();
        for end in paths.iter().flat_map(|site| ends_of(site.uid())) {
            *ends.entry(end).or_default() += 1;
        }
        let mut linked = Self::default();
        for site in named {
            linked.add(site, site.uid().to_owned());
        }
        for site in paths {
            let unique = ends_of(site.uid()).find(|end| ends[end] == 1 && !chosen.contains(end));
            let line = site.location().line();
            let by_line = || format!("{}:{line}", last(site.uid()));
            let by_function = || format!("{}:{line}:{:x}", site.uid(), site.declaration());
            let is_free = |name: &String| !linked.owners.contains_key(name);
            let name = unique.map(ToOwned::to_owned).or_else(|| Some(by_line()).filter(is_free));
            linked.add(site, name.unwrap_or_else(by_function));
        }
        linked
    }

    fn add(&mut self, site: &Site, name: String) {
        self.owners.insert(name.clone(), site.uid());
        self.names.insert(place(site), name);
    }
}

/// Returns the ends of a path, the shortest first.
fn ends_of(path: &'static str) -> impl Iterator<Item = &'static str> {
    let starts = path.rmatch_indices("::").map(|(at, _)| at + 2);
    starts.chain([0]).map(|start| &path[start..])
}

fn last(path: &'static str) -> &'static str {
    path.rsplit("::").next().unwrap_or(path)
}

const fn place(site: &Site) -> Place {
    (site.uid(), site.declaration(), site.location().line())
}

impl Site {
    /// Returns the name in headers, which no other throttle of the program has: the explicit uid, or otherwise
    /// the function's name.
    ///
    /// If several functions have that name, it is the shortest end of the path that is unique: `v1::search` and
    /// `v2::search`.
    pub fn name(&self) -> &'static str {
        let linked = LINKED.names.get(&place(self)).map(String::as_str);
        linked.unwrap_or_else(|| if self.is_named() { self.uid() } else { last(self.uid()) })
    }
}

/// The names of the throttles of one registry.
#[derive(Default)]
pub(crate) struct Names(Mutex<HashMap<Arc<str>, Arc<str>>>);

impl Names {
    /// Claims a name that no other throttle has: `wanted`, or the uid, with a number if necessary. `declared`
    /// is the declared uid.
    pub(crate) fn claim(&self, uid: &Arc<str>, wanted: &str, declared: &str) -> Arc<str> {
        let mut owners = sync::lock(&self.0);
        let is_free = |name: &str| {
            let by_attribute = LINKED.owners.get(name).is_none_or(|owner| *owner == declared);
            by_attribute && owners.get(name).is_none_or(|owner| owner == uid)
        };
        let mut name: Arc<str> = Arc::from(wanted);
        let mut number = 1_u64;
        while !is_free(&name) {
            name = if number == 1 { Arc::clone(uid) } else { format!("{uid}#{number}").into() };
            number += 1;
        }
        owners.insert(Arc::clone(&name), Arc::clone(uid));
        name
    }

    /// Releases the name of a throttle that no longer exists.
    pub(crate) fn release(&self, name: &str) {
        sync::lock(&self.0).remove(name);
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Names")
    }
}
