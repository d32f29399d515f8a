//! Decisions on records: pure functions that know no store.

use smallvec::SmallVec;

use super::name;
use super::record::Record;
use crate::backend::{Charge, Mark, Mode, Resets, Verdict};
use crate::strategy::State;
use crate::{Quota, Quotas};

/// An answer, and what becomes of the records if anything changes.
#[derive(Debug)]
pub(super) struct Judgement<T> {
    pub(super) answer: T,
    pub(super) changed: Option<Vec<Record>>,
}

/// Some charges, and the records that they are about.
#[derive(Debug)]
pub(super) struct Case<'a> {
    charges: &'a [Charge<'a>],
    /// Each record once, in the order in which everybody locks them.
    names: Vec<String>,
    /// The place of each charge's record among the names.
    places: SmallVec<[usize; 4]>,
}

impl<'a> Case<'a> {
    pub(super) fn new(prefix: &str, charges: &'a [Charge<'a>]) -> Self {
        let all: SmallVec<[String; 4]> = charges.iter().map(|charge| name::of(prefix, charge)).collect();
        let mut names = all.to_vec();
        names.sort_unstable();
        names.dedup();
        // Each name is among them, so its place is the number of those before it.
        let places = all.iter().map(|name| names.partition_point(|other| other < name)).collect();
        Self { charges, names, places }
    }

    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// Decides one request against all limits of all charges.
    pub(super) fn decide(&self, mode: Mode, records: &[Record], now: u64) -> Judgement<Verdict> {
        let mut after = records.to_vec();
        let mut quotas = self.step_all(&mut after, now, |charge| charge.cost);
        let fits = quotas.fit();
        if !fits {
            quotas.uncharge(|| self.step_all(&mut records.to_vec(), now, |_| 0));
        }
        let changes = fits && mode == Mode::Take && after != records;
        Judgement { answer: Verdict::new(quotas, now), changed: changes.then_some(after) }
    }

    /// Refunds what was taken at that time, unless the state that it was taken from was reset.
    pub(super) fn refund(&self, resets: &Resets, at: u64, records: &[Record], now: u64) -> Judgement<()> {
        let mut after = records.to_vec();
        for (charge, &place) in self.charges.iter().zip(&self.places) {
            let record = &mut after[place];
            if resets.is_void(charge, at, record.mark(charge.rates.len(), now)) {
                continue;
            }
            for (index, &rate) in charge.rates.iter().enumerate() {
                if !rate.is_unlimited() && index < record.states.len() {
                    let arrival = charge.arrival(rate, charge.cost, now);
                    let state = charge.strategy.refund(record.state(index), &arrival, now.saturating_sub(at));
                    record.set(index, state);
                }
            }
        }
        Judgement { answer: (), changed: (after != records).then_some(after) }
    }

    /// Forgets what was taken, whenever. As long as there may be refunds of it, the record has a mark behind its states,
    /// and that is the answer.
    pub(super) fn forget(&self, records: &[Record], now: u64) -> Judgement<Mark> {
        let mut after = vec![Record::default(); records.len()];
        let mut mark = Mark::new(now, 0);
        for (charge, &place) in self.charges.iter().zip(&self.places) {
            let states = records[place].states.iter().map(State::until);
            let last = states.max().unwrap_or_default();
            if last > now {
                mark.until = last;
                after[place].set(charge.rates.len(), mark.state());
            }
        }
        Judgement { answer: mark, changed: (after != records).then_some(after) }
    }

    /// Leaves the records as they are if the request is admitted. A second charge of the same identity builds on
    /// what the first one leaves.
    fn step_all(&self, records: &mut [Record], now: u64, cost: impl Fn(&Charge<'_>) -> u64) -> Quotas {
        let mut quotas = Quotas::new();
        for (charge, &place) in self.charges.iter().zip(&self.places) {
            let record = &mut records[place];
            for (index, &rate) in charge.rates.iter().enumerate() {
                if rate.is_unlimited() {
                    quotas.push(Quota::allowed(rate, u64::MAX));
                    continue;
                }
                let arrival = charge.arrival(rate, cost(charge), now);
                let step = charge.strategy.step(record.state(index), &arrival);
                quotas.push(step.quota);
                record.set(index, step.state);
            }
        }
        quotas
    }
}
