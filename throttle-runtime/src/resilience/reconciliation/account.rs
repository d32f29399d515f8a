//! Accounts: the known usage of one identity.

use smallvec::SmallVec;

use super::Reconciler;
use super::debt::Debt;
use super::gauge::left;
use super::last_known::Word;
use crate::backend::Charge;

/// The known usage of one identity.
#[derive(Debug, Default)]
pub(super) struct Account {
    /// The last known usage at the primary, one entry for each class.
    pub(super) words: SmallVec<[Word; 1]>,
    /// Whether the fallback has not been seeded with this usage yet.
    pub(super) is_new: bool,
    pub(super) debt: Option<Box<Debt>>,
    /// The number of the last admission by the fallback.
    pub(super) admitted: u64,
    /// Units that the fallback admitted and that did not fit when the primary was charged.
    pub(super) missing: u64,
}

/// The number of classes that an account keeps: the most recent ones.
const CLASSES: usize = 4;

impl Account {
    pub(super) fn hear(&mut self, word: Word) {
        self.is_new = true;
        match self.words.iter_mut().find(|known| known.class == word.class) {
            Some(known) => known.and(word),
            None => {
                if self.words.len() == CLASSES {
                    self.words.remove(0);
                }
                self.words.push(word);
            }
        }
    }

    /// Whether the fallback has admitted more than the primary has left, by the last known usage of this class.
    pub(super) fn is_over(&self, reconciler: &Reconciler, charge: &Charge<'_>, now: u64) -> bool {
        let part =
            self.debt.as_deref().and_then(|debt| debt.parts.iter().find(|part| part.class == charge.class));
        let word = self.words.iter().find(|word| word.class == charge.class);
        let Some((part, word)) = part.zip(word) else { return false };
        let limits = charge.rates.iter().zip(reconciler.share.of(charge.rates)).enumerate();
        limits.filter(|(_, (rate, _))| !rate.is_unlimited()).any(|(limit, (rate, shared))| {
            let [whole, of_share] = [*rate, shared].map(|rate| charge.arrival(rate, 0, now));
            let state = word.state(limit, &*reconciler.strategy, whole);
            part.owed(limit, &*reconciler.strategy, of_share) > left(&*reconciler.strategy, &state, whole)
        })
    }

    /// Returns the time of the last decision of the primary, by the clock of this process.
    pub(super) fn last_heard(&self) -> u64 {
        self.words.iter().map(|word| word.heard).max().unwrap_or_default()
    }

    /// Returns the debt to the limits of a charge. If `may` is true, a missing debt is created.
    pub(super) fn debt(&mut self, charge: &Charge<'_>, may: bool) -> Option<&mut Debt> {
        if self.debt.is_none() && may {
            self.debt = Some(Box::new(Debt::new(charge)));
        }
        let debt = self.debt.as_deref_mut()?;
        if *debt.rates != *charge.rates {
            // The debt continues under the new limit.
            debt.rates = charge.rates.into();
        }
        Some(debt)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.words.is_empty() && self.debt.is_none()
    }
}
