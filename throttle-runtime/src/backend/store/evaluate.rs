//! Decisions on records: pure functions without access to a store.

use smallvec::{SmallVec, smallvec};

use super::recent::Seen;
use super::record::Record;
use super::slot::Slot;
use super::{counter, keys, recent};
use crate::backend::evaluate::{LimitIndex, LimitStates, evaluate, refunded, remaining};
use crate::backend::{Attempt, Charge, Mark, Marks, Mode, Resets, Verdict};
use crate::decision::{Quota, Quotas};
use crate::error::{BackendError, ErrorKind};
use crate::strategy::{Arrival, State};

/// The result of an evaluation, and the new records if anything changes.
#[derive(Debug)]
pub(super) struct Judgement<T> {
    pub(super) answer: T,
    pub(super) changed: Option<Vec<Record>>,
}

/// Charges, and the records that they refer to.
#[derive(Debug)]
pub(super) struct Case<'a> {
    charges: &'a [Charge<'a>],
    /// The name of each record once, in the order in which all decisions lock the records.
    names: Vec<String>,
    /// For each charge, the index of its record in `names`.
    places: SmallVec<[usize; 4]>,
    /// For each name, the period of the windows if the value under the name is a counter.
    counters: SmallVec<[Option<u64>; 4]>,
}

impl<'a> Case<'a> {
    /// Creates a case. `counts` is `true` if the store can add up to a limit in one step, so that fixed
    /// windows are counters.
    pub(super) fn new(prefix: &str, charges: &'a [Charge<'a>], counts: bool) -> Self {
        let all: SmallVec<[String; 4]> = charges.iter().map(|charge| keys::of(prefix, charge)).collect();
        let mut names = all.to_vec();
        names.sort_unstable();
        names.dedup();
        // Each name is in the list, so its index is the number of names before it.
        let places: SmallVec<_> =
            all.iter().map(|name| names.partition_point(|other| other < name)).collect();
        let mut counters = smallvec![None; names.len()];
        for (charge, &place) in charges.iter().zip(&places) {
            counters[place] = if counts { counter_period(charge) } else { None };
        }
        Self { charges, names, places, counters }
    }

    /// Includes the mark of the last reset, for a reset or a refund of one charge. A record contains the mark
    /// after its states. A counter cannot contain a mark, so its mark is a separate record, which is held
    /// together with the counter.
    pub(super) fn with_mark(mut self) -> Self {
        if let ([Some(_)], [counter]) = (&self.counters[..], &self.names[..]) {
            self.names.push(keys::mark(counter));
            self.counters.push(None);
        }
        self
    }

    /// Returns the index of the record that contains the mark of a charge's last reset, and the index of the
    /// mark among the states of that record.
    fn mark_at(&self, charge: &Charge<'_>, place: usize) -> (usize, usize) {
        if self.counters[place].is_some() { (self.names.len() - 1, 0) } else { (place, charge.rates.len()) }
    }

    /// Returns the slots of the records at that time, in the order of their names.
    pub(super) fn slots(&self, now: u64) -> Vec<Slot> {
        let slots = self.names.iter().zip(&self.counters).map(|(name, period)| match period {
            Some(period) => Slot::counter(name, *period, now),
            None => Slot::record(name),
        });
        slots.collect()
    }

    /// Returns the units and the limit, if one increment of one counter can decide the request.
    pub(super) fn increment(&self, mode: Mode) -> Option<(i64, i64)> {
        let ([charge], [Some(_)], Mode::Consume) = (self.charges, &self.counters[..], mode) else {
            return None;
        };
        let &[rate] = charge.rates else { return None };
        let limit = charge.strategy.increment_limit(&charge.arrival(rate, charge.cost, 0))?;
        (1..=limit).contains(&charge.cost).then_some(())?;
        Some((i64::try_from(charge.cost).ok()?, i64::try_from(limit).ok()?))
    }

    /// Returns the names of the records.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// Decides one request against all limits of all charges. Returns an error if an earlier attempt may have
    /// charged a part of the limits.
    pub(super) fn decide(
        &self,
        mode: Mode,
        records: &[Record],
        now: u64,
    ) -> Judgement<Result<Verdict, BackendError>> {
        match self.seen(mode, records, now) {
            Seen::Never => {}
            Seen::Charged(at) => {
                return Judgement {
                    answer: Ok(Verdict::new(self.remaining(records, now), at)),
                    changed: None,
                };
            }
            // While another decision writes its records, only some of them may be visible. `changed` makes
            // the caller hold the records and evaluate them again.
            Seen::Unknown => return Judgement { answer: Err(in_doubt()), changed: Some(records.to_vec()) },
        }
        let mut states = self.states(records);
        let quotas = evaluate(self.charges, now, &mut states, || self.remaining(records, now));
        let mut after = states.records;
        let takes = quotas.fit() && mode == Mode::Consume;
        if takes {
            for (charge, place, attempt) in self.recognisable() {
                recent::remember(&mut after[place], index_of_tokens(charge), attempt, now);
            }
        }
        let changes = takes && after != records;
        Judgement { answer: Ok(Verdict::new(quotas, now)), changed: changes.then_some(after) }
    }

    /// Returns the charges whose attempts a record remembers. Counters cannot store attempts.
    fn recognisable(&self) -> impl Iterator<Item = (&Charge<'a>, usize, &'a Attempt)> {
        let charges = self.charges.iter().zip(&self.places);
        let charges = charges.filter(|(_, place)| self.counters[**place].is_none());
        charges.filter_map(|(charge, place)| charge.attempt.map(|attempt| (charge, *place, attempt)))
    }

    /// Looks for earlier attempts in the records.
    fn seen(&self, mode: Mode, records: &[Record], now: u64) -> Seen {
        let mut seen = None;
        for (charge, place, attempt) in self.recognisable().filter(|_| mode == Mode::Consume) {
            let found = recent::find(&records[place], index_of_tokens(charge), attempt, now);
            match seen {
                None => seen = Some(found),
                Some(other) if other == found => {}
                Some(_) => return Seen::Unknown,
            }
        }
        seen.unwrap_or(Seen::Never)
    }

    /// Refunds what was charged at the time `at`, unless the charged state was reset since. `of_all` is the
    /// mark of the last reset of all identities.
    pub(super) fn refund(
        &self,
        (resets, of_all): (&Resets, Option<Mark>),
        at: u64,
        records: &[Record],
        now: u64,
    ) -> Judgement<()> {
        let mut after = records.to_vec();
        for (charge, &place) in self.charges.iter().zip(&self.places) {
            let (of_mark, index) = self.mark_at(charge, place);
            let marks = Marks { of_one: after[of_mark].mark(index, now), of_all };
            if resets.is_void(charge, at, marks) {
                continue;
            }
            let record = &mut after[place];
            for (index, &rate) in charge.rates.iter().enumerate() {
                if !rate.is_unlimited() && index < record.states.len() {
                    let state = refunded(charge, rate, record.state(index), at, now);
                    record.set(index, state);
                }
            }
        }
        Judgement { answer: (), changed: (after != records).then_some(after) }
    }

    /// Deletes all charges, whenever they were made. The answer is the mark of this reset. As long as an
    /// earlier charge may be refunded, the record contains the mark after its states.
    pub(super) fn forget(&self, records: &[Record], now: u64) -> Judgement<Mark> {
        let mut after = vec![Record::default(); records.len()];
        let mut mark = Mark::new(now, 0);
        for (charge, &place) in self.charges.iter().zip(&self.places) {
            let (of_mark, index) = self.mark_at(charge, place);
            let states = records[place].states.iter().chain(&records[of_mark].states);
            let last = states.map(State::until).max().unwrap_or_default();
            if last > now {
                mark.until = last;
                after[of_mark].set(index, mark.state());
            }
        }
        Judgement { answer: mark, changed: (after != records).then_some(after) }
    }

    /// Returns the remaining quotas of all limits, without a charge.
    fn remaining(&self, records: &[Record], now: u64) -> Quotas {
        remaining(self.charges, now, &mut self.states(records))
    }

    fn states(&self, records: &[Record]) -> RecordStates<'_> {
        RecordStates { places: &self.places, records: records.to_vec() }
    }
}

/// The states of the limits of a case.
struct RecordStates<'c> {
    /// For each charge, the index of its record.
    places: &'c [usize],
    /// They are complete only if the request is admitted.
    records: Vec<Record>,
}

impl LimitStates for RecordStates<'_> {
    fn step(&mut self, limit: LimitIndex, charge: &Charge<'_>, arrival: &Arrival) -> Quota {
        let record = &mut self.records[self.places[limit.charge]];
        let step = charge.strategy.step(record.state(limit.limit), arrival);
        record.set(limit.limit, step.state);
        step.quota
    }
}

/// Tokens follow the states of the limits and the mark of the last reset.
const fn index_of_tokens(charge: &Charge<'_>) -> usize {
    charge.rates.len() + 1
}

fn in_doubt() -> BackendError {
    BackendError::new(
        ErrorKind::Store,
        "an earlier attempt of this decision may have charged a part of its limits",
    )
}

/// Returns the period of the windows, if the state of a charge is a counter. The result does not depend on
/// anything that differs between callers, so that all of them share one counter.
fn counter_period(charge: &Charge<'_>) -> Option<u64> {
    let &[rate] = charge.rates else { return None };
    let greatest = charge.strategy.counter_limit(rate)?;
    let is_counted = !rate.is_unlimited()
        && rate.period_micros() >= counter::SHORTEST
        && greatest.max(rate.limit()) <= counter::MOST;
    is_counted.then_some(rate.period_micros())
}
