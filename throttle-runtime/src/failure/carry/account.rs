//! What is known of one identity.

use smallvec::SmallVec;

use super::debt::Debt;
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
