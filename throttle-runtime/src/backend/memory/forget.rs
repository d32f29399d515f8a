//! Forgetting some identities.

use super::Engine;
use super::exact::page_of;
use super::page::Locked;
use super::table::{Id, Moved};
use crate::backend::Charge;
use crate::strategy::State;

impl Engine {
    /// These identities begin with nothing used.
    pub(super) fn forget_exactly(&self, charges: &[Charge<'_>]) {
        let ids = self.identify(charges);
        let limits = |(charge, id): (&Charge<'_>, &Id)| {
            let (limits, id) = (0..charge.rates.len(), *id);
            limits.map(move |index| id.of_limit(index))
        };
        let all: Vec<Id> = charges.iter().zip(&ids).flat_map(limits).collect();
        loop {
            let pages = self.lock_all(&ids);
            let mut limits = charges.iter().zip(&ids).flat_map(|(charge, id)| {
                (0..charge.rates.len()).map(move |index| (charge, index, id.of_limit(index)))
            });
            // A full page is split, and has to be looked up again. What was forgotten before that stays forgotten.
            if limits.all(|(charge, index, id)| {
                self.forget(page_of(&pages, id), (charge, index), id, &all).is_ok()
            }) {
                return;
            }
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
        // Where there is no exception left, an empty state keeps the identity from what sketches contain for it, until
        // the state is evicted.
        if inherits && !is_known {
            self.table.make_room(page, 1, now, &|bits| all.iter().any(|id| id.0 == bits))?;
        }
        if inherits || is_known {
            self.table.set(page, id, State::EMPTY, class);
        }
        Ok(())
    }
}
