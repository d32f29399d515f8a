//! The configuration of a layer: its throttles, their order, and its rules.

use smallvec::SmallVec;

use super::Limiter;
use crate::config::rule::Rules;
use crate::error::ConfigError;
use crate::registry::Registry;
use crate::throttle::Throttle;

/// The configuration of a layer.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) limiters: Vec<Limiter>,
    pub(super) rules: Rules,
    pub(super) order: Order,
}

/// The order in which the throttles of a layer decide.
#[derive(Debug, Clone, Copy)]
pub(super) enum Order {
    Written,
    CheapFirst,
}

impl Plan {
    /// Returns the throttles in a registry, in the order in which they decide.
    pub(super) fn throttles(&self, registry: &Registry) -> Result<SmallVec<[Throttle; 2]>, ConfigError> {
        let mut throttles = SmallVec::new();
        for limiter in &self.limiters {
            throttles.push(limiter.throttle(registry)?);
        }
        if let Order::CheapFirst = self.order {
            // A cost that is not known in advance may be arbitrarily high.
            throttles.sort_by_key(|throttle: &Throttle| throttle.policy().constant_cost.unwrap_or(u64::MAX));
        }
        Ok(throttles)
    }

    /// Returns the throttle of the layer, if it is the only one.
    pub(super) fn single(&self) -> Option<&Limiter> {
        if let [limiter] = &self.limiters[..] { Some(limiter) } else { None }
    }
}
