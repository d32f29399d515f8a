//! What is known of one identity.

use smallvec::SmallVec;

use super::Carry;
use super::debt::Debt;
use super::gauge::left;
use super::word::Word;
use crate::backend::Charge;

/// What is known of one identity.
#[derive(Debug, Default)]
pub(super) struct Account {
    /// What was heard, one for each class of callers.
    pub(super) words: SmallVec<[Word; 1]>,
    /// Whether the fallback has not begun with it yet.
    pub(super) is_new: bool,
    pub(super) debt: Option<Box<Debt>>,
    /// The number of the last admission by the fallback.
    pub(super) admitted: u64,
    /// Units that the fallback has admitted and the primary had no room for when they were charged.
    pub(super) missing: u64,
}

/// So many classes are remembered, the last ones.
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

    /// Whether the fallback has admitted more than the primary has left, by the last word to this class of callers.
    pub(super) fn is_over(&self, carry: &Carry, charge: &Charge<'_>, now: u64) -> bool {
        let part =
            self.debt.as_deref().and_then(|debt| debt.parts.iter().find(|part| part.class == charge.class));
        let word = self.words.iter().find(|word| word.class == charge.class);
        let Some((part, word)) = part.zip(word) else { return false };
        let limits = charge.rates.iter().zip(carry.share.of(charge.rates)).enumerate();
        limits.filter(|(_, (rate, _))| !rate.is_unlimited()).any(|(limit, (rate, shared))| {
            let [whole, of_share] = [*rate, shared].map(|rate| charge.arrival(rate, 0, now));
            let state = word.state(limit, &*carry.strategy, whole);
            part.owed(limit, &*carry.strategy, of_share) > left(&*carry.strategy, &state, whole)
        })
    }

    /// When something was heard last, by the clock of this process.
    pub(super) fn last_heard(&self) -> u64 {
        self.words.iter().map(|word| word.heard).max().unwrap_or_default()
    }

    /// The debt to the limits of a charge, if there is one or may be.
    pub(super) fn debt(&mut self, charge: &Charge<'_>, may: bool) -> Option<&mut Debt> {
        if self.debt.is_none() && may {
            self.debt = Some(Box::new(Debt::new(charge)));
        }
        let debt = self.debt.as_deref_mut()?;
        if *debt.rates != *charge.rates {
            // A new limit carries on.
            debt.rates = charge.rates.into();
        }
        Some(debt)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.words.is_empty() && self.debt.is_none()
    }
}
