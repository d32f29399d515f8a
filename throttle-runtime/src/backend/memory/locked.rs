//! The slow path: decisions on any number of identities and limits, under the locks of their pages.
//!
//! The pages of a decision stay locked from the read to the write. They are locked in ascending order of their
//! addresses, so decisions cannot deadlock. If one limit denies, nothing is written. The limits that the
//! request would have fitted are evaluated again with cost 0, so that they report the quota without the
//! request.

use std::ptr;

use smallvec::SmallVec;

use super::Engine;
use super::evicted::Limit;
use super::exceptions::Begin;
use super::page::{Locked, Page};
use super::table::{Id, Moved};
use crate::backend::evaluate::{LimitIndex, LimitStates, evaluate, refunded, remaining};
use crate::backend::{Charge, Mode, Verdict};
use crate::decision::Quota;
use crate::strategy::{Arrival, Lane, State, Step, Usage};

/// The new state of one limit, which is stored if all limits allow the request.
struct Change {
    id: Id,
    state: State,
    limit: LimitIndex,
}

type Changes = SmallVec<[Change; 8]>;
type Pages<'a> = SmallVec<[Locked<'a>; 2]>;

/// The states of a request's limits under the locks of their pages, with the changes that are not stored yet.
struct LockedStates<'s, 'p> {
    engine: &'s Engine,
    pages: &'s [Locked<'p>],
    ids: &'s [Id],
    changes: &'s mut Changes,
}

impl LimitStates for LockedStates<'_, '_> {
    fn step(&mut self, limit: LimitIndex, charge: &Charge<'_>, arrival: &Arrival) -> Quota {
        let id = self.ids[limit.charge].of_limit(limit.limit);
        let pending = self.changes.iter().rev().find(|change| change.id == id);
        let state = match pending {
            Some(change) => Ok(change.state.clone()),
            None => self.engine.begin(page_of(self.pages, id), (charge, limit.limit), id, arrival),
        };
        match state {
            Ok(state) => {
                let Step { quota, state } = charge.strategy.step(&state, arrival);
                self.changes.push(Change { id, state, limit });
                quota
            }
            Err(until) => spent(arrival, until),
        }
    }
}

impl Engine {
    pub(super) fn decide_exactly(&self, charges: &[Charge<'_>], mode: Mode) -> Verdict {
        let ids = self.identify(charges);
        loop {
            let pages = self.lock_all(&ids);
            let now = self.time.now();
            let mut changes = Changes::new();
            let mut states = LockedStates { engine: self, pages: &pages, ids: &ids, changes: &mut changes };
            let quotas = evaluate(charges, now, &mut states, || {
                let changes = &mut Changes::new();
                remaining(charges, now, &mut LockedStates { engine: self, pages: &pages, ids: &ids, changes })
            });
            if quotas.fit() && mode == Mode::Consume && self.store(&pages, charges, changes, now).is_err() {
                continue;
            }
            return Verdict::new(quotas, now);
        }
    }

    pub(super) fn refund_exactly(&self, charges: &[Charge<'_>], at: u64) {
        let ids = self.identify(charges);
        let pages = self.lock_all(&ids);
        let now = self.time.now();
        for (charge, id) in charges.iter().zip(ids).filter(|(charge, _)| !self.resets.is_over(charge, at)) {
            let page = page_of(&pages, id);
            for (index, &rate) in charge.rates.iter().enumerate().filter(|(_, rate)| !rate.is_unlimited()) {
                let id = id.of_limit(index);
                // An evicted identity that has not come back is refunded nothing, because its own usage is no
                // longer known.
                if let Some(state) = self.table.get(page, id, now) {
                    let state = refunded(charge, rate, &state, at, now);
                    self.table.set(page, id, state, || self.class(charge, index));
                }
            }
        }
    }

    pub(super) fn identify(&self, charges: &[Charge<'_>]) -> SmallVec<[Id; 4]> {
        charges.iter().map(|charge| Id::new(self.secret.fingerprint(charge.domain, charge.key))).collect()
    }

    /// Locks the pages of all identities. All threads lock pages in the same order.
    pub(super) fn lock_all(&self, ids: &[Id]) -> Pages<'_> {
        loop {
            let mut pages: SmallVec<[&Page; 2]> = ids.iter().map(|id| self.table.page(*id)).collect();
            pages.sort_unstable_by_key(|page| ptr::from_ref(*page));
            pages.dedup_by_key(|page| ptr::from_ref(*page));
            let locked: Pages<'_> = pages.into_iter().map(Page::lock).collect();
            // A page may have been split between the lookup and the lock.
            if ids.iter().all(|id| locked.iter().any(|page| page.covers(id.0))) {
                return locked;
            }
        }
    }

    /// Returns the state that a limit of an identity begins with. Returns `Err` with a time if nothing is
    /// left until then.
    fn begin(
        &self,
        page: &Locked<'_>,
        (charge, index): (&Charge<'_>, usize),
        id: Id,
        arrival: &Arrival,
    ) -> Result<State, u64> {
        if let Some(state) = self.table.get(page, id, arrival.now) {
            return Ok(state);
        }
        if self.table.evicted.is_empty() {
            return Ok(State::EMPTY);
        }
        match self.table.evicted.get(self.class(charge, index), id.0, arrival.now) {
            Begin::State(state) => Ok(state),
            Begin::Usage(usages) => {
                let spent = |usage: &Usage| (usage.lane == Lane::Spent).then_some(usage.until);
                match usages.iter().filter_map(spent).max() {
                    Some(until) => Err(until),
                    None if usages.is_empty() => Ok(State::EMPTY),
                    None => Ok(charge.strategy.inherit(&usages, arrival)),
                }
            }
        }
    }

    /// Returns the class of a limit.
    pub(super) fn class(&self, charge: &Charge<'_>, index: usize) -> u16 {
        let limit = Limit { domain: charge.domain, index, summary: charge.strategy.summary() };
        self.table.evicted.class(limit, charge.rates[index])
    }

    /// Stores all changes. Stores nothing and returns `Err` if a page has to be looked up again.
    fn store(
        &self,
        pages: &[Locked<'_>],
        charges: &[Charge<'_>],
        changes: Changes,
        now: u64,
    ) -> Result<(), Moved> {
        let newcomer = |page: &Locked<'_>, change: &Change| {
            page.covers(change.id.0) && change.state.until() > now && page.get(change.id.0).is_none()
        };
        for page in pages {
            let newcomers = changes.iter().filter(|change| newcomer(page, change)).count();
            if newcomers > 0 {
                let keeps = |bits| changes.iter().any(|change| change.id.0 == bits);
                self.table.make_room(page, newcomers, now, &keeps)?;
            }
        }
        for Change { id, state, limit } in changes {
            let page = page_of(pages, id);
            if state.until() > now || page.get(id.0).is_some() {
                self.table.set(page, id, state, || self.class(&charges[limit.charge], limit.limit));
            }
        }
        self.table.shed(pages, now);
        Ok(())
    }
}

pub(super) fn page_of<'p, 'a>(pages: &'p [Locked<'a>], id: Id) -> &'p Locked<'a> {
    let page = pages.iter().find(|page| page.covers(id.0));
    // The pages of all identities are locked, so the fallback is never used.
    page.unwrap_or(&pages[0])
}

/// Returns the quota of a limit that has nothing left until a given time.
const fn spent(arrival: &Arrival, until: u64) -> Quota {
    let wait = until.saturating_sub(arrival.now);
    let quota = match arrival.cost {
        0 => Quota::allowed(arrival.rate, 0),
        _ => Quota::denied(arrival.rate, 0, wait),
    };
    quota.with_times(wait, wait)
}
