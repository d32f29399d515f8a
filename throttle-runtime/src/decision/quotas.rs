//! A list with one quota per limit.

use std::cell::RefCell;
use std::fmt;
use std::mem;
use std::ops::{Deref, DerefMut};
use std::slice;

use super::Quota;

/// One quota per limit, in the order in which the limits were written.
///
/// It dereferences to a slice of quotas. Most throttles have one limit, so one quota is stored inline. More
/// inline quotas would make decisions slower to move. Several quotas are stored in memory that each thread
/// reuses.
///
/// ```
/// use throttle::{Quota, Quotas, Rate};
///
/// let mut quotas = Quotas::from(Quota::allowed(Rate::per_second(5), 4));
/// quotas.push(Quota::denied(Rate::per_minute(100), 0, 1_000_000));
/// assert_eq!(quotas.len(), 2);
/// assert!(!quotas.iter().all(Quota::fits));
/// ```
#[derive(Clone, Default)]
pub struct Quotas(Repr);

#[derive(Clone, Default)]
#[repr(u64)] // A decision without padding is moved in whole words.
enum Repr {
    #[default]
    None,
    One(Quota),
    Several(Several),
}

impl Quotas {
    /// Creates an empty list, for a decision that no backend made.
    pub const fn new() -> Self {
        Self(Repr::None)
    }

    #[inline]
    pub(super) const fn of_one(quota: Quota) -> Self {
        Self(Repr::One(quota))
    }

    /// Adds the quota of the next limit.
    pub fn push(&mut self, quota: Quota) {
        self.0 = match mem::take(&mut self.0) {
            Repr::None => Repr::One(quota),
            Repr::One(first) => Repr::Several(Several::new(&[first, quota])),
            Repr::Several(mut several) => {
                several.0.push(quota);
                Repr::Several(several)
            }
        };
    }

    /// Returns whether the request fits all limits.
    #[inline]
    pub(crate) fn fit(&self) -> bool {
        match &self.0 {
            Repr::One(quota) => quota.fits(),
            _ => self.iter().all(Quota::fits),
        }
    }

    /// Replaces the quotas of limits that would have allowed the request by their uncharged quotas. A denied
    /// request consumes nothing.
    pub(crate) fn uncharge(&mut self, uncharged: impl FnOnce() -> Self) {
        if self.iter().any(Quota::fits) {
            for (quota, uncharged) in self.iter_mut().zip(&uncharged()) {
                if quota.fits() {
                    *quota = *uncharged;
                }
            }
        }
    }
}

impl Deref for Quotas {
    type Target = [Quota];

    #[inline]
    fn deref(&self) -> &[Quota] {
        match &self.0 {
            Repr::None => &[],
            Repr::One(quota) => slice::from_ref(quota),
            Repr::Several(several) => &several.0,
        }
    }
}

impl DerefMut for Quotas {
    fn deref_mut(&mut self) -> &mut [Quota] {
        match &mut self.0 {
            Repr::None => &mut [],
            Repr::One(quota) => slice::from_mut(quota),
            Repr::Several(several) => &mut several.0,
        }
    }
}

impl From<Quota> for Quotas {
    fn from(quota: Quota) -> Self {
        Self::of_one(quota)
    }
}

impl From<&[Quota]> for Quotas {
    fn from(quotas: &[Quota]) -> Self {
        match quotas {
            [] => Self::new(),
            [quota] => Self::of_one(*quota),
            quotas => Self(Repr::Several(Several::new(quotas))),
        }
    }
}

impl From<Vec<Quota>> for Quotas {
    fn from(quotas: Vec<Quota>) -> Self {
        Self::from(&quotas[..])
    }
}

impl Extend<Quota> for Quotas {
    fn extend<I: IntoIterator<Item = Quota>>(&mut self, quotas: I) {
        quotas.into_iter().for_each(|quota| self.push(quota));
    }
}

impl<'a> Extend<&'a Quota> for Quotas {
    fn extend<I: IntoIterator<Item = &'a Quota>>(&mut self, quotas: I) {
        self.extend(quotas.into_iter().copied());
    }
}

impl FromIterator<Quota> for Quotas {
    fn from_iter<I: IntoIterator<Item = Quota>>(quotas: I) -> Self {
        let mut all = Self::new();
        all.extend(quotas);
        all
    }
}

impl<'a> IntoIterator for &'a Quotas {
    type Item = &'a Quota;
    type IntoIter = slice::Iter<'a, Quota>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl PartialEq for Quotas {
    fn eq(&self, other: &Self) -> bool {
        self[..] == other[..]
    }
}

impl Eq for Quotas {}

impl fmt::Debug for Quotas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self[..].fmt(f)
    }
}

/// The memory of several quotas. When it is dropped, the memory goes back to the thread, so that a service
/// under its usual load allocates nothing for its decisions.
struct Several(Vec<Quota>);

/// The maximum number of unused vectors that a thread keeps.
const KEPT: usize = 64;

thread_local!(static SPARE: RefCell<Vec<Vec<Quota>>> = const { RefCell::new(Vec::new()) });

impl Several {
    fn new(quotas: &[Quota]) -> Self {
        // A thread that is about to end has no unused vectors any more.
        let spare = SPARE.try_with(|spare| spare.borrow_mut().pop()).ok().flatten();
        let mut own = spare.unwrap_or_default();
        own.extend_from_slice(quotas);
        Self(own)
    }
}

impl Clone for Several {
    fn clone(&self) -> Self {
        Self::new(&self.0)
    }
}

impl Drop for Several {
    // Passed by value, so that decisions on one limit have no address, and can stay in registers.
    #[inline]
    fn drop(&mut self) {
        keep(mem::take(&mut self.0));
    }
}

#[inline(never)]
fn keep(mut quotas: Vec<Quota>) {
    quotas.clear();
    // If the thread is about to end, the vector is dropped.
    let _ = SPARE.try_with(|spare| {
        let mut spare = spare.borrow_mut();
        if spare.len() < KEPT {
            spare.push(quotas);
        }
    });
}
