//! A minimal model of a backend: all or nothing, one step per limit, and expired states are gone.

use std::collections::HashMap;

use throttle_runtime::backend::{Charge, Mode, Verdict};
use throttle_runtime::strategy::State;
use throttle_runtime::{Key, Quota, Quotas};

/// The states by key and index of the limit.
#[derive(Default)]
pub(crate) struct Model(HashMap<(Key, usize), State>);

impl Model {
    pub(crate) fn decide(&mut self, charges: &[Charge<'_>], mode: Mode, now: u64) -> Verdict {
        let (mut quotas, after) = self.step(charges, now, |cost| cost);
        if quotas.iter().all(Quota::fits) {
            if mode == Mode::Consume {
                self.store(after, now);
            }
        } else {
            let (uncharged, _) = self.step(charges, now, |_| 0);
            for (quota, uncharged) in quotas.iter_mut().zip(&uncharged).filter(|(quota, _)| quota.fits()) {
                *quota = *uncharged;
            }
        }
        Verdict::new(quotas, now)
    }

    pub(crate) fn refund(&mut self, charges: &[Charge<'_>], at: u64, now: u64) {
        let mut after = HashMap::new();
        for charge in charges {
            for (index, &rate) in charge.rates.iter().enumerate() {
                let id = (charge.key.clone(), index);
                if let Some(state) = after.get(&id).or_else(|| self.0.get(&id)) {
                    let arrival = charge.arrival(rate, charge.cost, now);
                    let state = charge.strategy.refund(state, &arrival, now.saturating_sub(at));
                    after.insert(id, state);
                }
            }
        }
        if after.iter().any(|(id, state)| self.0.get(id) != Some(state)) {
            self.store(after, now);
        }
    }

    fn step(
        &self,
        charges: &[Charge<'_>],
        now: u64,
        cost: impl Fn(u64) -> u64,
    ) -> (Quotas, HashMap<(Key, usize), State>) {
        let (mut quotas, mut after) = (Quotas::new(), HashMap::new());
        for charge in charges {
            for (index, &rate) in charge.rates.iter().enumerate() {
                if rate.is_unlimited() {
                    quotas.push(Quota::allowed(rate, u64::MAX));
                    continue;
                }
                let id = (charge.key.clone(), index);
                let state = after.get(&id).or_else(|| self.0.get(&id)).cloned().unwrap_or_default();
                let step = charge.strategy.step(&state, &charge.arrival(rate, cost(charge.cost), now));
                quotas.push(step.quota);
                after.insert(id, step.state);
            }
        }
        (quotas, after)
    }

    fn store(&mut self, states: HashMap<(Key, usize), State>, now: u64) {
        for (id, state) in states {
            if state.until() > now {
                self.0.insert(id, state);
            } else {
                self.0.remove(&id);
            }
        }
    }
}
