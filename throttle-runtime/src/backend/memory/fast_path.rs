//! The fast path: decisions on the only limit of an identity, without a lock if the identity is known. Nearly
//! every request in memory takes it.
//!
//! A decision has four steps:
//!
//! 1. It hashes the key.
//! 2. It reads the version of the page, the cell, and the version again.
//! 3. It decides on the two words of the state.
//! 4. It replaces the two words by one compare-and-swap of the version. A denial writes nothing.
//!
//! New identities, decisions that meet other threads, and decisions that need the exact time start again in a
//! function that is not inlined.

use std::hint;
use std::sync::Arc;

use super::evicted::Limit;
use super::page::{Entry, Page, Seen};
use super::table::{Id, Tag};
use super::{Engine, coarse_time};
use crate::backend::{Backend, Mode};
use crate::decision::Quota;
use crate::key::Parts;
use crate::rate::Rate;
use crate::strategy::{Plan, Strategy, Words};
use crate::util::fingerprint::Domain;

/// Everything that the fast path needs of a throttle.
#[derive(Debug)]
pub(crate) struct FastPath {
    engine: Arc<Engine>,
    domain: Domain,
    class: Tag,
    rate: Rate,
    plan: Plan,
    /// Whether the coarse time is precise enough for waits that are not near their end.
    coarse: bool,
    /// Waits below this value need the exact time.
    near: u64,
    /// By how many microseconds, beyond the margin, the end of a state can be in the future.
    furthest: u64,
}

/// Why an attempt made no decision.
enum Miss {
    /// The identity is not in the table.
    Newcomer,
    /// Another thread decides on the same page concurrently, or the coarse time is not precise enough.
    Again,
    /// The decision needs the slow path.
    Long,
}

/// How often a decision that meets other threads starts again before the slow path takes a lock.
const ATTEMPTS: u32 = 16;

/// How long a decision waits for a thread that writes, in pauses of the processor.
const FOR_A_WRITER: u32 = 8;

/// How long a decision waits for a thread that was faster, in pauses of the processor. This is longer than a
/// decision takes. Two threads that alternate move the page's memory between their caches each time, which
/// costs more than several decisions on cached memory.
const AFTER_A_RACE: u32 = 64;

impl FastPath {
    /// Creates the fast path of a throttle with one limit. Returns `None` if there are several limits, or if
    /// the backend or the strategy has no fast path.
    pub(crate) fn new(
        backend: &dyn Backend,
        domain: Domain,
        strategy: &dyn Strategy,
        rates: &[Rate],
    ) -> Option<Self> {
        let (&[rate], engine) = (rates, backend.engine()?) else { return None };
        let plan = strategy.plan(rate)?;
        // A state that always ends within the margin always needs the exact time.
        let furthest = plan.horizon(rate).checked_sub(coarse_time::MARGIN + 1);
        let coarse = engine.time.is_coarse(rate.period_micros()) && furthest.is_some();
        let (near, furthest) = (plan.wait(coarse_time::MARGIN, rate), furthest.unwrap_or_default());
        let limit = Limit { domain, index: 0, summary: strategy.summary() };
        let class = Tag::new(engine.table.evicted.class(limit, rate));
        Some(Self { engine, domain, class, rate, plan, coarse, near, furthest })
    }

    /// Makes one attempt to decide. Returns `None` if another thread writes, or if the attempt needs the
    /// exact time or a lock.
    #[expect(clippy::inline_always, reason = "a call costs a fifth of a decision")]
    #[inline(always)]
    pub(crate) fn attempt(&self, key: Parts<'_>, cost: u64, mode: Mode) -> Option<Quota> {
        let (page, id) = self.find(key);
        self.step(page, id, (cost, mode), self.coarse).ok()
    }

    /// Decides by the exact time after a failed [attempt](Self::attempt). Returns `None` if the slow path has
    /// to decide: the state does not fit into a cell, a new identity is not [admitted](Self::admit) here, or
    /// other threads always win.
    #[inline(never)]
    pub(crate) fn decide(&self, key: Parts<'_>, cost: u64, mode: Mode) -> Option<Quota> {
        let (page, id) = self.find(key);
        for _ in 0..ATTEMPTS {
            match self.step(page, id, (cost, mode), false) {
                Ok(quota) => return Some(quota),
                Err(Miss::Newcomer) => return self.admit(page, id, cost, mode),
                Err(Miss::Again) => {}
                Err(Miss::Long) => return None,
            }
        }
        None
    }

    #[expect(clippy::inline_always, reason = "a call costs a fifth of a decision")]
    #[inline(always)]
    fn find(&self, key: Parts<'_>) -> (&Page, Id) {
        let engine = &*self.engine;
        let id = Id::new(engine.secret.fingerprint_of(self.domain, key));
        (engine.table.page(id), id)
    }

    #[expect(clippy::inline_always, reason = "a call costs a fifth of a decision")]
    #[inline(always)]
    fn step(&self, page: &Page, id: Id, (cost, mode): (u64, Mode), coarse: bool) -> Result<Quota, Miss> {
        let engine = &*self.engine;
        let seen = match page.read(id.0) {
            Seen::Entry(seen) => seen,
            Seen::Nothing => return Err(Miss::Newcomer),
            Seen::Writer => return Err(step_aside(FOR_A_WRITER)),
        };
        let (until, word) = engine.table.decode(seen.entry).ok_or(Miss::Long)?;
        let now = if coarse { engine.time.coarse() } else { engine.time.now() };
        // The coarse time lags behind the exact time. A state that ends within the margin may have ended by
        // the exact time. A state that ends later than any state can has begun after the coarse time: its
        // wait would be longer than a period. One comparison detects both cases, because a negative
        // difference wraps around.
        if coarse && until.wrapping_sub(now).wrapping_sub(coarse_time::MARGIN + 1) > self.furthest {
            return Err(Miss::Again);
        }
        let step = self.plan.step(Words { until, word, rate: self.rate, cost, now }).ok_or(Miss::Long)?;
        if step.quota.fits() && mode == Mode::Consume {
            let (head, word) = engine.table.encode(self.class, step.until, step.word).ok_or(Miss::Long)?;
            if !page.replace(&seen, head, word) {
                return Err(step_aside(AFTER_A_RACE));
            }
        } else if coarse && step.quota.waits_less_than(self.near) {
            // The coarse time is late, so it must not deny a client that has waited long enough.
            return Err(Miss::Again);
        }
        Ok(step.quota)
    }

    /// Admits an identity that is not in the table, and adds it to the table. Returns `None` if the identity
    /// is not admitted, may have been in the table before, or finds no free cell.
    fn admit(&self, page: &Page, id: Id, cost: u64, mode: Mode) -> Option<Quota> {
        if mode == Mode::Peek {
            return None;
        }
        let (engine, rate, page) = (&*self.engine, self.rate, page.try_lock()?);
        // The time is read under the lock: before that, another thread may have added the identity and used
        // its whole quota, and the state may have been reclaimed.
        let now = engine.time.now();
        let step = self.plan.step(Words { until: 0, word: 0, rate, cost, now })?;
        let (head, word) = engine.table.encode(self.class, step.until, step.word)?;
        let entry = Entry { id: id.0, head, word };
        (step.quota.fits() && engine.table.add(&page, entry, now)).then_some(step.quota)
    }
}

#[cold]
#[inline(never)]
fn step_aside(pauses: u32) -> Miss {
    (0..pauses).for_each(|_| hint::spin_loop());
    Miss::Again
}
