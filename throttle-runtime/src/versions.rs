//! The policies that a throttle has had, of which one is in force.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use once_cell::sync::OnceCell;

use crate::Settings;
use crate::policy::Policy;

/// The policies that a throttle has had, each by its number.
///
/// Every decision reads the one in force, and must neither take a lock nor count who reads. So all of them are kept as
/// long as the throttle, and settings that were there before are the same policy again.
pub(crate) struct Versions {
    first: Arc<Policy>,
    /// The number of the one in force: 0 is the first.
    current: AtomicUsize,
    /// Each block has twice the room of the one before, so that none is ever moved.
    later: OnceCell<Box<[Block]>>,
    /// Held by whoever adds one.
    turn: Mutex<()>,
}

type Block = OnceCell<Box<[OnceCell<Arc<Policy>>]>>;

impl Versions {
    pub(crate) fn new(first: Policy) -> Self {
        Self {
            first: Arc::new(first),
            current: AtomicUsize::new(0),
            later: OnceCell::new(),
            turn: Mutex::new(()),
        }
    }

    /// The one in force. Whoever reads it twice may see two.
    #[inline]
    pub(crate) fn current(&self) -> &Arc<Policy> {
        match self.current.load(Ordering::Acquire) {
            0 => &self.first,
            // A number is known only after its policy is there.
            number => self.get(number).unwrap_or(&self.first),
        }
    }

    /// Puts the policy in force that what is said now and what was said in all updates before comes to; says which was
    /// before, and which is now. If there is none, nothing changes.
    pub(crate) fn update<E>(
        &self,
        said: Settings,
        settle: impl FnOnce(Settings) -> Result<Policy, E>,
    ) -> Result<(&Arc<Policy>, &Arc<Policy>), E> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.current();
        let updates = said.or(before.updates);
        // All else that a policy comes from stays.
        let number = match self.all().position(|known| known.updates.same(&updates)) {
            Some(number) => number,
            None => self.add(settle(updates)?),
        };
        self.current.store(number, Ordering::Release);
        Ok((before, self.current()))
    }

    /// All of them, in the order in which they were added.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Policy>> {
        (0..).map_while(|number| self.get(number))
    }

    #[inline(never)]
    fn get(&self, number: usize) -> Option<&Arc<Policy>> {
        match place(number) {
            None => Some(&self.first),
            Some((block, place)) => self.later.get()?.get(block)?.get()?.get(place)?.get(),
        }
    }

    /// The number of a policy that is added.
    fn add(&self, policy: Policy) -> usize {
        let number = self.all().count();
        if let Some((block, place)) = place(number) {
            let blocks = self.later.get_or_init(|| (0..usize::BITS).map(|_| Block::new()).collect());
            let room = || (0..1_usize << block).map(|_| OnceCell::new()).collect();
            // Who adds is alone, so it is empty.
            blocks[block].get_or_init(room)[place].get_or_init(|| Arc::new(policy));
        }
        number
    }
}

/// The block of a number and its place there; the first policy has none.
fn place(number: usize) -> Option<(usize, usize)> {
    let block = number.checked_ilog2()?;
    Some((block as usize, number - (1 << block)))
}

#[cfg(test)]
mod tests {
    use super::place;

    #[test]
    fn every_number_has_a_place_of_its_own() {
        assert_eq!(place(0), None);
        let mut next = (0, 0);
        for number in 1..10_000 {
            assert_eq!(place(number), Some(next), "{number}");
            next = if next.1 + 1 == 1 << next.0 { (next.0 + 1, 0) } else { (next.0, next.1 + 1) };
        }
    }
}
