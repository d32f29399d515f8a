//! The earlier decisions about a request that is passed on. Layers and middleware store them in the request,
//! so that a throttle that the request reaches again does not charge it twice.
//!
//! The first stored decision of a throttle [marks](Throttle::mark) the throttle. Only marked throttles search
//! the request for earlier decisions, so a throttle that is used on handlers only has no additional cost.

use std::sync::{Arc, OnceLock};

use http::Extensions;
use smallvec::SmallVec;

use super::ticket::Ticket;
use crate::decision::{Decision, Quota};
use crate::key::Key;
use crate::throttle::Throttle;

/// One decision about a request.
#[derive(Clone)]
pub(crate) struct Reach {
    throttle: Throttle,
    key: Key,
    /// The units that the request was charged for this key, by all decisions together.
    pub(crate) cost: u64,
    pub(crate) decision: Decision,
}

pub(super) type Reaches = SmallVec<[Reach; 1]>;

/// The decisions about a request, as an extension of the request.
#[derive(Clone, Default)]
pub(crate) struct Reached {
    made: Reaches,
    /// The decisions of middleware whose keys are made of its arguments. The request is one of these
    /// arguments, so it exists before the decision is made.
    pending: Vec<Pending>,
}

/// Decisions that are filled in after they were stored in the request.
#[derive(Clone, Default)]
pub(crate) struct Pending(Arc<OnceLock<Reaches>>);

impl Reach {
    /// The decision of a throttle with one limit that admitted the request.
    pub(crate) const fn by_one(throttle: Throttle, key: Key, cost: u64, quota: Quota) -> Self {
        Self { throttle, key, cost, decision: Decision::by_one(quota) }
    }

    /// The decision of a ticket's throttle.
    pub(super) fn of(ticket: &Ticket<'_>, decision: &Decision) -> Self {
        Self {
            throttle: Throttle::clone(&ticket.throttle),
            key: ticket.key.clone(),
            cost: ticket.charged_before.unwrap_or(0).saturating_add(ticket.cost),
            decision: decision.clone(),
        }
    }

    /// Stores the decision in the request.
    pub(crate) fn mark(self, request: &mut Extensions) {
        self.throttle.mark();
        of(request).made.push(self);
    }
}

impl Reached {
    /// Whether this throttle has decided about the request.
    #[cold]
    pub(crate) fn has(request: &Extensions, throttle: &Throttle) -> bool {
        request
            .get::<Self>()
            .is_some_and(|reached| reached.all().any(|reach| reach.throttle.ptr_eq(throttle)))
    }

    /// The earlier decision for the same throttle and key, with the highest cost.
    pub(crate) fn find(request: &Extensions, ticket: &Ticket<'_>) -> Option<Reach> {
        let same = |reach: &&Reach| reach.throttle.ptr_eq(&ticket.throttle) && reach.key == ticket.key;
        request.get::<Self>()?.all().filter(same).max_by_key(|reach| reach.cost).cloned()
    }

    /// Stores these decisions in the request.
    pub(super) fn add(request: &mut Extensions, mut reaches: Reaches) {
        if !reaches.is_empty() {
            of(request).made.append(&mut reaches);
        }
    }

    fn all(&self) -> impl Iterator<Item = &Reach> {
        let pending = self.pending.iter().filter_map(|pending| pending.0.get()).flatten();
        self.made.iter().chain(pending)
    }

    /// Removes all decisions, for uses that are not part of the request.
    #[cfg(feature = "ws")]
    pub(crate) fn forget(request: &mut Extensions) {
        request.remove::<Self>();
    }
}

#[cfg(feature = "axum")]
impl Pending {
    /// Stores an empty entry in the request, to be filled later.
    pub(crate) fn leave(request: &mut Extensions) -> Self {
        let pending = Self::default();
        of(request).pending.push(pending.clone());
        pending
    }

    /// Fills the entry.
    pub(super) fn fill(&self, reaches: Reaches) {
        // The cell is filled only once.
        let _ = self.0.set(reaches);
    }
}

fn of(request: &mut Extensions) -> &mut Reached {
    request.get_or_insert_default::<Reached>()
}
