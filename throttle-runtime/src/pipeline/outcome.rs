//! The outcome of one throttle: its decision, and its charge. Alone because all stages of the pipeline use it.

use crate::decision::{Decision, DecisionReason};

/// The decision of a throttle, and its charge.
pub(crate) struct Decided {
    pub(crate) decision: Decision,
    /// `None` if nothing was charged.
    pub(crate) charged: Option<Charged>,
}

impl Decided {
    /// A decision that no backend was called for.
    pub(crate) const fn by_nobody(reason: DecisionReason) -> Self {
        Self { decision: Decision::passed(reason), charged: None }
    }
}

/// A charge that a backend made.
#[derive(Clone, Copy)]
pub(crate) struct Charged {
    /// The time of the charge by the backend's clock, in microseconds.
    pub(crate) at: u64,
    /// The time of the charge by the clock of this process, in microseconds, if the fallback made the charge
    /// and its usage is reconciled with the primary.
    pub(crate) by_standby: Option<u64>,
    /// The number of the backend's last reset before the charge, if the backend numbers its resets.
    pub(crate) taken: Option<u64>,
}
