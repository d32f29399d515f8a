//! The usage of evicted states: enough information that an evicted client is never admitted more than its
//! limit.
//!
//! The usage in an evicted state is kept in [sketches](super::sketch), separately for each [limit of each
//! throttle](super::class) and for each time at which usage ends. A client that is not in the table begins
//! with the usage that the sketches contain for its identity. This is the client's own usage, and in a small
//! share of cases that of another client.

use std::collections::HashMap;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, MutexGuard};

use super::class::Class;
use super::exceptions::{Begin, Exceptions};
use super::slice::Budget;
use crate::rate::Rate;
use crate::strategy::{State, Summary};
use crate::util::fingerprint::Domain;
use crate::util::sync;

#[derive(Debug)]
pub(super) struct Evicted {
    /// The number of slices and exceptions. It is nearly always 0, which can be read without the lock.
    live: AtomicUsize,
    inner: Mutex<Inner>,
}

/// The limit that a state belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Limit {
    pub(super) domain: Domain,
    /// The index of the limit in the throttle.
    pub(super) index: usize,
    pub(super) summary: Summary,
}

#[derive(Debug)]
pub(crate) struct Inner {
    numbers: HashMap<Limit, u16>,
    classes: Vec<Class>,
    /// The classes that have slices.
    active: Vec<u16>,
    exceptions: Exceptions,
    budget: Budget,
    /// When the first slice or exception ends.
    ends: u64,
}

/// The class of all limits that received no number.
const OTHERS: u16 = 0;

/// The maximum number of classes: a cell has 15 bits for the number.
const CLASSES: usize = 1 << 15;

impl Evicted {
    /// Creates an instance whose sketches take at most `bytes` bytes.
    pub(super) fn new(bytes: usize) -> Self {
        let inner = Inner {
            numbers: HashMap::new(),
            classes: vec![Class::others()],
            active: Vec::new(),
            exceptions: Exceptions::new(bytes),
            budget: Budget::new(bytes),
            ends: u64::MAX,
        };
        Self { live: AtomicUsize::new(0), inner: Mutex::new(inner) }
    }

    /// Returns whether there is no usage of any evicted state.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.live.load(Relaxed) == 0
    }

    /// Returns the class of a limit. A cell stores this number beside the state.
    pub(super) fn class(&self, limit: Limit, rate: Rate) -> u16 {
        self.lock().class(limit, rate)
    }

    /// Keeps the usage of the state that `choose` selects. `choose` can compare the weights of states.
    pub(super) fn evict<T>(
        &self,
        now: u64,
        choose: impl FnOnce(&Inner) -> Option<(u16, u64, State, T)>,
    ) -> Option<T> {
        let mut inner = self.lock();
        let (class, id, state, chosen) = choose(&inner)?;
        inner.expire(now);
        inner.add(class, id, &state, now);
        self.live.store(inner.live(), Relaxed);
        Some(chosen)
    }

    /// Returns the state or usage that an identity that is not in the table begins with.
    pub(super) fn get(&self, class: u16, id: u64, now: u64) -> Begin {
        let mut inner = self.lock();
        inner.expire(now);
        self.live.store(inner.live(), Relaxed);
        inner.get(class, id, now)
    }

    /// Lets an identity begin with no usage from now on. Returns `false` if there are too many exceptions
    /// already.
    pub(super) fn forget(&self, class: u16, id: u64, now: u64) -> bool {
        let mut inner = self.lock();
        inner.expire(now);
        let done = inner.forget(class, id, now);
        self.live.store(inner.live(), Relaxed);
        done
    }

    /// Deletes everything except the numbers of the limits.
    pub(super) fn clear(&self) {
        let mut inner = self.lock();
        inner.classes.iter_mut().for_each(Class::clear);
        inner.active.clear();
        inner.exceptions.clear();
        inner.budget.clear();
        inner.ends = u64::MAX;
        self.live.store(0, Relaxed);
    }

    /// Bytes that are allocated.
    pub(super) fn bytes(&self) -> usize {
        let inner = self.lock();
        inner.budget.used()
            + inner.classes.iter().map(Class::bytes).sum::<usize>()
            + inner.numbers.capacity() * size_of::<(Limit, u16)>()
            + inner.exceptions.bytes()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        sync::lock(&self.inner)
    }
}

impl Inner {
    /// Returns the weight of a state: the state with the least weight is evicted.
    pub(super) fn weight(&self, class: u16, state: &State, now: u64) -> (u32, u64, u64) {
        self.of(class).weight(state, now)
    }

    fn class(&mut self, limit: Limit, rate: Rate) -> u16 {
        let known = self.numbers.get(&limit).copied();
        let number = known.unwrap_or_else(|| self.add_class(limit, rate.period_micros()));
        if number != OTHERS {
            self.classes[usize::from(number)].limit = rate.limit();
        }
        number
    }

    fn add_class(&mut self, limit: Limit, period: u64) -> u16 {
        match u16::try_from(self.classes.len()) {
            Ok(number) if usize::from(number) < CLASSES => {
                self.classes.push(Class::new(limit.summary, period, 1));
                self.numbers.insert(limit, number);
                number
            }
            _ => OTHERS,
        }
    }

    fn of(&self, class: u16) -> &Class {
        self.classes.get(usize::from(class)).unwrap_or(&self.classes[usize::from(OTHERS)])
    }

    fn live(&self) -> usize {
        self.active.len() + self.exceptions.len()
    }

    fn add(&mut self, class: u16, id: u64, state: &State, now: u64) {
        if self.exceptions.len() > 0 && self.exceptions.add(id, state, self.of(class).usages(state)) {
            return;
        }
        let Some(found) = self.classes.get_mut(usize::from(class)) else { return };
        found.add(id, state, now, &mut self.budget);
        self.ends = self.ends.min(found.ends());
        if found.slices() > 0 && !self.active.contains(&class) {
            self.active.push(class);
        }
    }

    fn get(&self, class: u16, id: u64, now: u64) -> Begin {
        self.exceptions.get(id, now).unwrap_or_else(|| Begin::Usage(self.of(class).get(id, now)))
    }

    fn forget(&mut self, class: u16, id: u64, now: u64) -> bool {
        let usages = self.of(class).get(id, now);
        let until = usages.iter().map(|usage| usage.until).max();
        self.ends = self.ends.min(until.unwrap_or(u64::MAX));
        self.exceptions.insert(id, until)
    }

    /// Drops slices and exceptions that have ended.
    fn expire(&mut self, now: u64) {
        if now < self.ends {
            return;
        }
        let Self { classes, active, exceptions, budget, .. } = self;
        let mut ends = u64::MAX;
        active.retain(|number| {
            let class = &mut classes[usize::from(*number)];
            ends = ends.min(class.expire(now, budget));
            class.slices() > 0
        });
        self.ends = ends.min(exceptions.expire(now));
    }
}
