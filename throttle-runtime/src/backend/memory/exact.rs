//! Decisions on any number of identities and limits, under the locks of their pages.

use std::ptr;

use smallvec::SmallVec;

use super::Engine;
use super::page::{Locked, Page};
use super::table::{Id, Moved};
use crate::Quotas;
use crate::backend::{Charge, Mode, Verdict};
use crate::strategy::State;

/// What a charge makes of one limit, if all are admitted.
struct Change {
    id: Id,
    state: State,
}

type Changes = SmallVec<[Change; 8]>;
type Pages<'a> = SmallVec<[Locked<'a>; 2]>;

impl Engine {
    pub(super) fn decide_exactly(&self, charges: &[Charge<'_>], mode: Mode) -> Verdict {
        let ids = self.identify(charges);
        loop {
            let pages = self.lock_all(&ids);
            let now = self.time.now();
            let mut quotas = Quotas::new();
            let mut changes = Changes::new();
            for (charge, id) in charges.iter().zip(&ids) {
                self.step_all(&pages, (charge, *id), charge.cost, now, &mut changes, &mut quotas);
            }
            if !quotas.fit() {
                quotas.uncharge(|| self.uncharged(&pages, charges, &ids, now));
            } else if mode == Mode::Take && self.store(&pages, changes, now).is_err() {
                continue;
            }
            return Verdict::new(quotas, now);
        }
    }

    pub(super) fn refund_exactly(&self, charges: &[Charge<'_>], at: u64) {
        let ids = self.identify(charges);
        let pages = self.lock_all(&ids);
        let now = self.time.now();
        for (charge, id) in charges.iter().zip(ids) {
            let page = page_of(&pages, id);
            for (index, &rate) in charge.rates.iter().enumerate().filter(|(_, rate)| !rate.is_unlimited()) {
                let id = id.of_limit(index);
                if page.get(id.bits).is_some() {
                    let arrival = charge.arrival(rate, charge.cost, now);
                    let state = self.table.get(page, id, now);
                    let state = charge.strategy.refund(&state, &arrival, now.saturating_sub(at));
                    self.table.set(page, id, state);
                }
            }
        }
    }

    pub(super) fn identify(&self, charges: &[Charge<'_>]) -> SmallVec<[Id; 4]> {
        let id =
            |charge: &Charge<'_>| Id::new(self.secret.fingerprint(charge.domain, charge.key), charge.domain);
        charges.iter().map(id).collect()
    }

    /// Locks every page that the identities live in, in one order for everybody.
    pub(super) fn lock_all(&self, ids: &[Id]) -> Pages<'_> {
        loop {
            let mut pages: SmallVec<[&Page; 2]> = ids.iter().map(|id| self.table.page(*id)).collect();
            pages.sort_unstable_by_key(|page| ptr::from_ref(*page));
            pages.dedup_by_key(|page| ptr::from_ref(*page));
            let locked: Pages<'_> = pages.into_iter().map(Page::lock).collect();
            // A page may have been split between the look and the lock.
            if ids.iter().all(|id| locked.iter().any(|page| page.covers(id.bits))) {
                return locked;
            }
        }
    }

    fn step_all(
        &self,
        pages: &[Locked<'_>],
        (charge, id): (&Charge<'_>, Id),
        cost: u64,
        now: u64,
        changes: &mut Changes,
        quotas: &mut Quotas,
    ) {
        for (index, &rate) in charge.rates.iter().enumerate() {
            if rate.is_unlimited() {
                quotas.push(crate::Quota::allowed(rate, u64::MAX));
                continue;
            }
            let id = id.of_limit(index);
            // A second charge of the same identity builds on what the first one leaves.
            let pending = changes.iter().rev().find(|change| change.id == id);
            let state = match pending {
                Some(change) => change.state.clone(),
                None => self.table.get(page_of(pages, id), id, now),
            };
            let step = charge.strategy.step(&state, &charge.arrival(rate, cost, now));
            quotas.push(step.quota);
            changes.push(Change { id, state: step.state });
        }
    }

    /// What is left of all limits.
    fn uncharged(&self, pages: &[Locked<'_>], charges: &[Charge<'_>], ids: &[Id], now: u64) -> Quotas {
        let mut uncharged = Quotas::new();
        for (charge, id) in charges.iter().zip(ids) {
            self.step_all(pages, (charge, *id), 0, now, &mut Changes::new(), &mut uncharged);
        }
        uncharged
    }

    /// Stores all changes, or none if a page has to be looked up again.
    fn store(&self, pages: &[Locked<'_>], changes: Changes, now: u64) -> Result<(), Moved> {
        let newcomer = |page: &Locked<'_>, change: &Change| {
            page.covers(change.id.bits) && change.state.until() > now && page.get(change.id.bits).is_none()
        };
        for page in pages {
            let newcomers = changes.iter().filter(|change| newcomer(page, change)).count();
            if newcomers > 0 {
                let keeps = |bits| changes.iter().any(|change| change.id.bits == bits);
                self.table.make_room(page, newcomers, now, &keeps)?;
            }
        }
        for Change { id, state } in changes {
            let page = page_of(pages, id);
            if state.until() > now || page.get(id.bits).is_some() {
                self.table.set(page, id, state);
            }
        }
        Ok(())
    }
}

pub(super) fn page_of<'p, 'a>(pages: &'p [Locked<'a>], id: Id) -> &'p Locked<'a> {
    let page = pages.iter().find(|page| page.covers(id.bits));
    // The pages of all identities are locked; the fallback is never taken.
    page.unwrap_or(&pages[0])
}
