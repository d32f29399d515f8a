//! Path patterns: segments, `*` for one segment, `**` for any number of segments.

use std::sync::Arc;

use crate::util::shared::Shared;

/// A pattern whose text was checked.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    text: Shared<str>,
    /// Whether the pattern contains a `*`. Patterns without one are compared as texts.
    wild: bool,
}

impl Pattern {
    /// Creates the pattern of a constant that was [checked](Self::check).
    pub(super) const fn constant(text: &'static str, wild: bool) -> Self {
        Self { text: Shared::Static(text), wild }
    }

    /// Parses a pattern, or returns the problem with it.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        Self::check(text).map(|wild| Self { text: Shared::Counted(Arc::from(text)), wild })
    }

    /// Returns whether the pattern contains a `*`, or the problem with the pattern.
    pub(super) const fn check(text: &str) -> Result<bool, &'static str> {
        let bytes = text.as_bytes();
        if bytes.is_empty() || bytes[0] != b'/' {
            return Err("a path pattern begins with `/`");
        }
        let (mut wild, mut index) = (false, 1);
        while index < bytes.len() {
            match bytes[index] {
                b'*' if !stands_alone(bytes, index) => {
                    return Err(
                        "in a path pattern, `*` matches one whole segment, and `**` matches any number of segments",
                    );
                }
                b'*' => wild = true,
                b'{' | b'}' => return Err("in a path pattern, write `*` for a segment instead of `{name}`"),
                b':' if bytes[index - 1] == b'/' => {
                    return Err("in a path pattern, write `*` for a segment instead of `:name`");
                }
                b'?' | b'#' => return Err("a path pattern contains no `?` and no `#`"),
                0..=b' ' | 0x7f => return Err("a path pattern contains no spaces"),
                _ => {}
            }
            index += 1;
        }
        Ok(wild)
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Whether the pattern matches the whole path. The time is proportional to the length of the path times
    /// the number of the pattern's segments. A client cannot choose the pattern.
    pub(super) fn matches(&self, path: &str) -> bool {
        if !self.wild {
            return *self.text == *path;
        }
        let (mut pattern, mut path) = (segments(&self.text), segments(path));
        // The pattern after its last `**`, and the rest of the path when that `**` was reached.
        let mut last = None;
        loop {
            match (pattern.next(), path.clone().next()) {
                (Some("**"), _) if pattern.clone().next().is_none() => return true,
                (Some("**"), _) => last = Some((pattern.clone(), path.clone())),
                (None, None) => return true,
                (Some(_), None) => return false,
                (Some(wanted), Some(found)) if one(wanted, found) => drop(path.next()),
                // The last `**` matches one more segment. Earlier ones need not be retried: they could only
                // leave a shorter path to the last one.
                _ => match &mut last {
                    None => return false,
                    Some((after, rest)) => {
                        rest.next();
                        (pattern, path) = (after.clone(), rest.clone());
                    }
                },
            }
        }
    }
}

/// Splits a path: `/a/b` has two segments, `/a/b/` has three, the last of which is empty.
fn segments(path: &str) -> std::str::Split<'_, char> {
    path.strip_prefix('/').unwrap_or(path).split('/')
}

fn one(wanted: &str, found: &str) -> bool {
    if wanted == "*" { !found.is_empty() } else { wanted == found }
}

/// Whether the `*` at this index is a whole segment, or half of a segment that is `**`.
const fn stands_alone(bytes: &[u8], index: usize) -> bool {
    let mut start = index;
    while bytes[start - 1] != b'/' {
        start -= 1;
    }
    let mut end = index;
    while end < bytes.len() && bytes[end] != b'/' {
        end += 1;
    }
    let mut place = start;
    while place < end {
        if bytes[place] != b'*' {
            return false;
        }
        place += 1;
    }
    end - start <= 2
}
