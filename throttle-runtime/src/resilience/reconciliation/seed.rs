//! The seed: the usage that the fallback starts with.

use smallvec::SmallVec;

use super::Reconciler;
use super::account::Account;
use super::debt::States;
use super::gauge::{charged, left};
use super::last_known::Word;
use super::target_levels::{Level, Levels};
use crate::backend::Charge;
use crate::rate::Rate;
use crate::strategy::{Arrival, Class, State, Strategy};

/// The usage that the fallback starts with for one identity: for each class, the share of what the primary has
/// left.
pub(super) struct Seed {
    words: SmallVec<[Word; 1]>,
    rates: SmallVec<[Rate; 2]>,
    classes: SmallVec<[(Class, Levels); 1]>,
}

impl Seed {
    /// Returns `None` if there is no decision of the primary that the fallback has not been seeded with.
    pub(super) fn new(
        reconciler: &Reconciler,
        account: &Account,
        charge: &Charge<'_>,
        now: u64,
    ) -> Option<Self> {
        if !account.can_begin() {
            return None;
        }
        let rates = reconciler.share.of(charge.rates);
        let classes = account.words.iter().map(|word| {
            let levels = levels(reconciler, account, word, charge, &rates, now).collect();
            let levels = Levels::new(reconciler.strategy.clone(), levels);
            (word.class, levels)
        });
        let classes = classes.collect();
        Some(Self { words: account.words.clone(), rates, classes })
    }

    /// Returns one charge for each class. The cost of 1 is a placeholder: the levels determine the units.
    pub(super) fn charges<'a>(&'a self, charge: &Charge<'a>) -> SmallVec<[Charge<'a>; 1]> {
        let charges = self.classes.iter().map(|(class, levels)| Charge {
            strategy: levels,
            rates: &self.rates,
            cost: 1,
            class: *class,
            ..charge.clone()
        });
        charges.collect()
    }

    /// Records that the fallback is seeded. If a new decision of the primary arrived meanwhile, or if another
    /// call has recorded the seed already, nothing is recorded. The next call continues.
    pub(super) fn begin(&self, account: &mut Account, has_room: bool, charge: &Charge<'_>, now: u64) {
        if account.words.is_empty() {
            // The account was evicted meanwhile.
            account.words.clone_from(&self.words);
            account.is_new = true;
        }
        if !account.is_new || account.words != self.words {
            return;
        }
        let Some(debt) = account.debt(charge, has_room) else {
            account.is_new = false;
            return;
        };
        if debt.is_paying {
            return;
        }
        for (class, levels) in &self.classes {
            let Some(part) = debt.of_class(*class) else { continue };
            let mut settled: States = self.rates.iter().map(|_| State::EMPTY).collect();
            let mut total = settled.clone();
            let mut levels_left = levels.limits.iter();
            for (limit, &rate) in self.rates.iter().enumerate().filter(|(_, rate)| !rate.is_unlimited()) {
                let Some((_, level)) = levels_left.next() else { continue };
                let arrival = charge.arrival(rate, 0, now).class(*class);
                let owed = part.owed(limit, &*levels.strategy, arrival);
                total[limit] = charged(&*levels.strategy, &level.most, arrival, owed);
                settled[limit] = level.most.clone();
            }
            part.begin(settled, total);
        }
        account.is_new = false;
    }
}

fn levels<'a>(
    reconciler: &'a Reconciler,
    account: &'a Account,
    word: &'a Word,
    charge: &'a Charge<'_>,
    shared: &'a [Rate],
    now: u64,
) -> impl Iterator<Item = (Rate, Level)> + 'a {
    let rates = charge.rates.iter().zip(shared).enumerate();
    rates.filter(|(_, (rate, _))| !rate.is_unlimited()).map(move |(limit, (rate, shared))| {
        let [whole, part] = [rate, shared].map(|rate| charge.arrival(*rate, 0, now).class(word.class));
        let most = portion(reconciler, &word.state(limit, &*reconciler.strategy, whole), whole, part);
        let owing =
            account.debt.as_ref().and_then(|debt| debt.parts.iter().find(|part| part.class == word.class));
        let owed = owing.map_or(0, |owing| owing.owed(limit, &*reconciler.strategy, part));
        (*shared, Level { most, owed, again: true, total: State::EMPTY })
    })
}

/// Returns a state of the shared limit that leaves the share of the units that `state` leaves of the whole
/// limit.
pub(super) fn portion(reconciler: &Reconciler, state: &State, whole: Arrival, part: Arrival) -> State {
    let (share, strategy): (_, &dyn Strategy) = (reconciler.share, &*reconciler.strategy);
    if share.is_whole() {
        return state.clone();
    }
    let [all, all_shared] = [whole, part].map(|arrival| left(strategy, &State::EMPTY, arrival));
    let left = left(strategy, state, whole);
    // An identity without usage has at least one unit.
    let portion = share.of_units(left).max(u64::from(left >= all));
    charged(strategy, &State::EMPTY, part, all_shared.saturating_sub(portion))
}
