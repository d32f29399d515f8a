//! Path patterns: segments, `*` for one of them, `**` for any number.

use std::sync::Arc;

use crate::settings::Shared;

/// A pattern whose text was checked.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    text: Shared<str>,
    /// Whether it has a `*`: most have none, and are a comparison of two texts.
    wild: bool,
}

impl Pattern {
    /// The pattern of a constant that was [checked](Self::check).
    pub(super) const fn constant(text: &'static str, wild: bool) -> Self {
        Self { text: Shared::Static(text), wild }
    }

    /// The pattern of that text, or what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        Self::check(text).map(|wild| Self { text: Shared::Counted(Arc::from(text)), wild })
    }

    /// Whether the pattern has a `*`, or what is wrong with it.
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
                        "in a path pattern `*` stands for a whole segment and `**` for any number of them",
                    );
                }
                b'*' => wild = true,
                b'{' | b'}' => return Err("in a path pattern `*` stands for a segment, not `{name}`"),
                b'?' | b'#' => return Err("a path ends before `?` and `#`"),
                0..=b' ' | 0x7f => return Err("a path has no blanks"),
                _ => {}
            }
            index += 1;
        }
        Ok(wild)
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Whether all of the path is as the pattern says. Takes time by the length of the path times the number of
    /// the pattern's segments, which the client does not choose.
    pub(super) fn matches(&self, path: &str) -> bool {
        if !self.wild {
            return *self.text == *path;
        }
        let (mut pattern, mut path) = (segments(&self.text), segments(path));
        // The pattern after its last `**`, and what of the path that left to it.
        let mut last = None;
        loop {
            match (pattern.next(), path.clone().next()) {
                (Some("**"), _) if pattern.clone().next().is_none() => return true,
                (Some("**"), _) => last = Some((pattern.clone(), path.clone())),
                (None, None) => return true,
                (Some(_), None) => return false,
                (Some(wanted), Some(found)) if one(wanted, found) => drop(path.next()),
                // The `**` takes one more segment. Earlier ones need not be asked again: all that they could do is
                // to leave less to this one.
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

/// `/a/b` has two, `/a/b/` three, the last of which is empty.
fn segments(path: &str) -> std::str::Split<'_, char> {
    path.strip_prefix('/').unwrap_or(path).split('/')
}

fn one(wanted: &str, found: &str) -> bool {
    if wanted == "*" { !found.is_empty() } else { wanted == found }
}

/// Whether the `*` at this place is a segment, or half of one that is `**`.
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
