//! Usage of one identity that the fallback admitted and the primary was not charged for yet.

use smallvec::SmallVec;

use super::gauge::{charged, owed};
use crate::backend::Charge;
use crate::key::Key;
use crate::rate::Rate;
use crate::strategy::{Arrival, Class, State, Strategy};
use crate::util::fingerprint::Domain;

pub(super) type States = SmallVec<[State; 1]>;

/// The usage of one identity that the fallback admitted and the primary was not charged for yet.
///
/// A debt exists as soon as the fallback is seeded, even if the fallback admits nothing: the primary may have
/// lost the usage that the seed contains.
#[derive(Debug)]
pub(super) struct Debt {
    pub(super) key: Key,
    pub(super) domain: Domain,
    /// The limits of the primary.
    pub(super) rates: SmallVec<[Rate; 2]>,
    /// One part for each class.
    pub(super) parts: SmallVec<[ClassDebt; 1]>,
    /// Whether a payment is in progress.
    pub(super) is_paying: bool,
    /// Whether the primary may have been charged already: a payment was tried, and its result is unknown.
    pub(super) is_tried: bool,
}

/// The maximum number of classes of one identity. One identity hardly ever has more.
const CLASSES: usize = 8;

impl Debt {
    pub(super) fn new(charge: &Charge<'_>) -> Self {
        Self {
            key: charge.key.clone(),
            domain: charge.domain,
            rates: charge.rates.into(),
            parts: SmallVec::new(),
            is_paying: false,
            is_tried: false,
        }
    }

    /// Returns the part of a class; `None` if there are too many other classes.
    pub(super) fn of_class(&mut self, class: Class) -> Option<&mut ClassDebt> {
        match self.parts.iter().position(|part| part.class == class) {
            Some(at) => self.parts.get_mut(at),
            None if self.parts.len() == CLASSES => None,
            None => {
                self.parts.push(ClassDebt::new(class, self.rates.len()));
                self.parts.last_mut()
            }
        }
    }
}

/// The debt of one class: the states of the fallback as far as this process knows them, measured by the shared
/// limits.
///
/// The units owed are the difference between both states at the same time. The sum of the admissions would be
/// wrong, because a bucket drains its content gradually and not all at once.
#[derive(Debug)]
pub(super) struct ClassDebt {
    pub(super) class: Class,
    /// The states that are settled with the primary.
    settled: States,
    /// The settled states plus the admissions since.
    total: States,
    /// The states that are settled as soon as the payment in progress succeeds.
    sent: Option<States>,
}

impl ClassDebt {
    fn new(class: Class, limits: usize) -> Self {
        let none: States = (0..limits).map(|_| State::EMPTY).collect();
        Self { class, settled: none.clone(), total: none, sent: None }
    }

    /// Sets the states that the fallback was seeded with. `total` includes the units owed.
    pub(super) fn begin(&mut self, settled: States, total: States) {
        (self.settled, self.total) = (settled, total);
    }

    /// Adds an admission, against the shared limits. Returns the states before, for [`restore`](Self::restore).
    pub(super) fn add(&mut self, strategy: &dyn Strategy, arrivals: impl Iterator<Item = Arrival>) -> States {
        let before = self.total.clone();
        for (state, arrival) in self.total.iter_mut().zip(arrivals).filter(|(_, arrival)| limits(arrival)) {
            *state = charged(strategy, state, arrival, arrival.cost);
        }
        before
    }

    pub(super) fn restore(&mut self, total: States) {
        self.total = total;
    }

    /// Refunds an admission that was made `elapsed` microseconds ago.
    pub(super) fn refund(
        &mut self,
        strategy: &dyn Strategy,
        arrivals: impl Iterator<Item = Arrival>,
        elapsed: u64,
    ) {
        for (state, arrival) in self.total.iter_mut().zip(arrivals).filter(|(_, arrival)| limits(arrival)) {
            if *state != State::EMPTY {
                *state = strategy.refund(state, &arrival, elapsed);
            }
        }
    }

    /// Returns the units of a limit that the primary was not charged for.
    pub(super) fn owed(&self, limit: usize, strategy: &dyn Strategy, arrival: Arrival) -> u64 {
        match (self.settled.get(limit), self.total.get(limit)) {
            (Some(settled), Some(total)) => owed(strategy, (settled, total), arrival),
            _ => 0,
        }
    }

    /// Returns all usage of a limit that this process knows.
    pub(super) fn total(&self, limit: usize) -> State {
        self.total.get(limit).cloned().unwrap_or_default()
    }

    /// Begins a payment of all units owed up to now.
    pub(super) fn send(&mut self) {
        self.sent = Some(self.total.clone());
    }

    pub(super) fn unsend(&mut self) {
        self.sent = None;
    }

    /// Completes the payment. Returns whether nothing is owed any more.
    pub(super) fn settle(&mut self) -> bool {
        if let Some(sent) = self.sent.take() {
            self.settled = sent;
        }
        self.settled == self.total
    }
}

const fn limits(arrival: &Arrival) -> bool {
    !arrival.rate.is_unlimited()
}
