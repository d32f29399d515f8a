//! What the fallback admitted to one identity, and the primary does not know yet.

use smallvec::SmallVec;

use super::gauge::{charged, owed};
use crate::backend::Charge;
use crate::fingerprint::Domain;
use crate::strategy::{Arrival, Class, State, Strategy};
use crate::{Key, Rate};

pub(super) type States = SmallVec<[State; 1]>;

/// What the fallback admitted to one identity, and who that is.
///
/// There is one as soon as the fallback began with what was heard, even if it admits nothing after that: the primary
/// may have lost it.
#[derive(Debug)]
pub(super) struct Debt {
    pub(super) key: Key,
    pub(super) domain: Domain,
    /// The limits of the primary.
    pub(super) rates: SmallVec<[Rate; 2]>,
    /// One for each class of callers.
    pub(super) parts: SmallVec<[Part; 1]>,
    /// Whether somebody is paying.
    pub(super) is_paying: bool,
    /// Whether it may be paid already: somebody tried, and does not know.
    pub(super) is_tried: bool,
}

/// More classes than this one identity hardly has.
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

    /// The part of a class; `None` if there are too many others.
    pub(super) fn part(&mut self, class: Class) -> Option<&mut Part> {
        match self.parts.iter().position(|part| part.class == class) {
            Some(at) => self.parts.get_mut(at),
            None if self.parts.len() == CLASSES => None,
            None => {
                self.parts.push(Part::new(class, self.rates.len()));
                self.parts.last_mut()
            }
        }
    }
}

/// The debt of one class: the states of the fallback as far as this process knows them, in the measure of its share.
///
/// How much is owed is the difference of both at the same time, not what the admissions alone would make: a bucket
/// drains what it holds one after the other, not everything at once.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) class: Class,
    /// What is settled with the primary.
    settled: States,
    /// The same with what was admitted since.
    total: States,
    /// What is settled as soon as the payment under way has come through.
    sent: Option<States>,
}

impl Part {
    fn new(class: Class, limits: usize) -> Self {
        let none: States = (0..limits).map(|_| State::EMPTY).collect();
        Self { class, settled: none.clone(), total: none, sent: None }
    }

    /// The fallback begins with these states, to which comes what is owed already.
    pub(super) fn begin(&mut self, settled: States, total: States) {
        (self.settled, self.total) = (settled, total);
    }

    /// One admission more, against the shared limits. Returns what [`restore`](Self::restore) takes to undo it.
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

    /// One admission of that long ago less, in microseconds.
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

    /// Units of a limit that the primary does not know of.
    pub(super) fn owed(&self, limit: usize, strategy: &dyn Strategy, arrival: Arrival) -> u64 {
        match (self.settled.get(limit), self.total.get(limit)) {
            (Some(settled), Some(total)) => owed(strategy, (settled, total), arrival),
            _ => 0,
        }
    }

    /// All that this process knows to be used of a limit.
    pub(super) fn total(&self, limit: usize) -> State {
        self.total.get(limit).cloned().unwrap_or_default()
    }

    /// A payment of everything up to now is under way.
    pub(super) fn send(&mut self) {
        self.sent = Some(self.total.clone());
    }

    pub(super) fn unsend(&mut self) {
        self.sent = None;
    }

    /// The payment has come through; whether that was all.
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
