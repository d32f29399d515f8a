//! Quotas of several limits, in memory that is used again and again.

use std::cell::RefCell;
use std::mem;

use super::Quota;

/// Quotas of several limits. What they take goes back to the thread that drops them, so that a service that has
/// come to its usual load allocates nothing for its decisions.
pub(super) struct Several(Vec<Quota>);

/// How much a thread keeps for decisions to come.
const KEPT: usize = 64;

thread_local!(static SPARE: RefCell<Vec<Vec<Quota>>> = const { RefCell::new(Vec::new()) });

impl Several {
    pub(super) fn new(quotas: &[Quota]) -> Self {
        // A thread that is about to end has nothing to spare any more.
        let spare = SPARE.try_with(|spare| spare.borrow_mut().pop()).ok().flatten();
        let mut own = spare.unwrap_or_default();
        own.extend_from_slice(quotas);
        Self(own)
    }

    pub(super) fn as_slice(&self) -> &[Quota] {
        &self.0
    }
}

impl Clone for Several {
    fn clone(&self) -> Self {
        Self::new(self.as_slice())
    }
}

impl Drop for Several {
    fn drop(&mut self) {
        let mut own = mem::take(&mut self.0);
        own.clear();
        // Without a thread to keep it, it is dropped.
        let _ = SPARE.try_with(|spare| {
            let mut spare = spare.borrow_mut();
            if spare.len() < KEPT {
                spare.push(own);
            }
        });
    }
}
