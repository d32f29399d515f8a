//! One quota per limit.

use std::cell::RefCell;
use std::fmt;
use std::mem;
use std::ops::{Deref, DerefMut};
use std::slice;

use super::Quota;

/// One quota per limit, in the order the limits were written.
///
/// It is a slice of them. Most throttles have one limit, so there is room for one, as decisions are moved about too often
/// for more; several take memory that a thread uses again and again.
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
    /// None, as of a decision that no backend made.
    pub const fn new() -> Self {
        Self(Repr::None)
    }

    #[inline]
    pub(super) const fn of_one(quota: Quota) -> Self {
        Self(Repr::One(quota))
    }

    /// Adds that of the next limit.
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

    /// Whether the request fits all limits.
    #[inline]
    pub(crate) fn fit(&self) -> bool {
        match &self.0 {
            Repr::One(quota) => quota.fits(),
            _ => self.iter().all(Quota::fits),
        }
    }

    /// A denied request took nothing, so the limits that it did fit show what is left without it.
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

/// What several take goes back to the thread that drops them, so that a service that has come to its usual load
/// allocates nothing for its decisions.
struct Several(Vec<Quota>);

/// How much a thread keeps for decisions to come.
const KEPT: usize = 64;

thread_local!(static SPARE: RefCell<Vec<Vec<Quota>>> = const { RefCell::new(Vec::new()) });

impl Several {
    fn new(quotas: &[Quota]) -> Self {
        // A thread that is about to end has nothing to spare any more.
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
    // By value, so that decisions on one limit, which may stay in registers, have no address.
    #[inline]
    fn drop(&mut self) {
        keep(mem::take(&mut self.0));
    }
}

#[inline(never)]
fn keep(mut quotas: Vec<Quota>) {
    quotas.clear();
    // Without a thread to keep it, it is dropped.
    let _ = SPARE.try_with(|spare| {
        let mut spare = spare.borrow_mut();
        if spare.len() < KEPT {
            spare.push(quotas);
        }
    });
}
