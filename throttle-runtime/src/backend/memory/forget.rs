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
        let limits: Vec<Id> = charges.iter().zip(&ids).flat_map(limits).collect();
        loop {
            let pages = self.lock_all(&ids);
            // A full page is split: it has to be looked up again. What is forgotten by then stays so.
            if limits.iter().all(|id| self.forget(page_of(&pages, *id), *id, &limits).is_ok()) {
                return;
            }
        }
    }

    /// A state that is taken out would make a newcomer of its identity, and those inherit from the evicted: so an
    /// empty one is put in its place.
    fn forget(&self, page: &Locked<'_>, id: Id, limits: &[Id]) -> Result<(), Moved> {
        let now = self.time.now();
        if page.get(id.bits).is_none() {
            if self.table.get(page, id, now) == State::EMPTY {
                return Ok(());
            }
            self.table.make_room(page, 1, now, &|bits| limits.iter().any(|id| id.bits == bits))?;
        }
        self.table.set(page, id, State::EMPTY);
        Ok(())
    }
}
