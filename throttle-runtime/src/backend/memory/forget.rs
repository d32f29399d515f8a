//! Deletes the states of some identities.

use super::Engine;
use super::locked::page_of;
use super::page::Locked;
use super::table::{Id, Moved};
use crate::backend::{Charge, Mark};
use crate::strategy::State;

impl Engine {
    /// Lets these identities begin with no usage.
    pub(super) fn forget_exactly(&self, charges: &[Charge<'_>]) {
        let ids = self.identify(charges);
        let limits = |(charge, id): (&Charge<'_>, &Id)| {
            let (limits, id) = (0..charge.rates.len(), *id);
            limits.map(move |index| id.of_limit(index))
        };
        let all: Vec<Id> = charges.iter().zip(&ids).flat_map(limits).collect();
        let mut until = 0;
        loop {
            let pages = self.lock_all(&ids);
            let now = self.time.now();
            let charge_limits = || {
                charges.iter().zip(&ids).flat_map(|(charge, id)| {
                    (0..charge.rates.len()).map(move |index| (charge, index, id.of_limit(index)))
                })
            };
            let ends = charge_limits().map(|(_, _, id)| self.end(page_of(&pages, id), id, now));
            until = ends.max().unwrap_or_default().max(until);
            // If a full page was split, it has to be looked up again. States that were deleted before that
            // stay deleted.
            if charge_limits().all(|(charge, index, id)| {
                self.forget(page_of(&pages, id), (charge, index), id, &all).is_ok()
            }) {
                // This happens under the locks, so that no charge comes in between.
                for charge in charges {
                    self.resets.record(charge, Mark::new(now, until));
                }
                return;
            }
        }
    }

    /// Returns when everything that an identity was charged for a limit has expired.
    fn end(&self, page: &Locked<'_>, id: Id, now: u64) -> u64 {
        match self.table.get(page, id, now) {
            Some(state) => state.until(),
            None if self.table.evicted.is_empty() => 0,
            // The sketches contain usage of many identities, so the end of one identity's usage is unknown.
            None => u64::MAX,
        }
    }

    fn forget(
        &self,
        page: &Locked<'_>,
        (charge, index): (&Charge<'_>, usize),
        id: Id,
        all: &[Id],
    ) -> Result<(), Moved> {
        let now = self.time.now();
        let class = || self.class(charge, index);
        let (is_known, evicted) = (page.get(id.0).is_some(), &self.table.evicted);
        let inherits = !evicted.is_empty() && !evicted.forget(class(), id.0, now);
        // If no further exception is allowed, an empty state hides the usage in the sketches from the
        // identity, until that state is evicted.
        if inherits && !is_known {
            self.table.make_room(page, 1, now, &|bits| all.iter().any(|id| id.0 == bits))?;
        }
        if inherits || is_known {
            self.table.set(page, id, State::EMPTY, class);
        }
        Ok(())
    }
}
