//! Backends that are broken in one way each.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use throttle_runtime::backend::{Backend, Charge, Memory, Mode, Reply, Verdict};
use throttle_runtime::testkit::{Subject, backend};
use throttle_runtime::{Key, ManualClock, NowOrLater, Quota};

use super::says;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    AnswersBackwards,
    ChargesDenials,
    ChargesOneByOne,
    ChargesQuestions,
    ChargesWhoAskedFirst,
    CutsKeys,
    ForgetsAll,
    ForgetsNobody,
    HoldsWhatIsDropped,
    IgnoresReset,
    IgnoresScope,
    ReadsThenWrites,
    RefundsTwice,
    SaysTooLong,
    SaysTooShort,
    StretchesWaits,
}

#[derive(Debug)]
struct Broken {
    memory: Memory,
    fault: Fault,
    denials: AtomicU64,
    held: AtomicBool,
}

fn fits(verdict: &Verdict) -> bool {
    verdict.quotas.iter().all(Quota::fits)
}

/// Returns the same quota with another wait, in microseconds.
fn waiting(quota: Quota, wait: impl FnOnce(u64) -> u64) -> Quota {
    match quota.retry_after() {
        Some(was) => Quota::denied(
            quota.rate(),
            quota.remaining(),
            wait(u64::try_from(was.as_micros()).expect("a time")),
        ),
        None => quota,
    }
}

impl Broken {
    async fn ask(&self, charges: &[Charge<'_>], mode: Mode) -> Verdict {
        self.memory.decide(charges, mode).await.expect("memory never fails")
    }

    /// Decides about each charge separately, with a pause between them.
    async fn ask_each(&self, charges: &[Charge<'_>], mode: Mode) -> Verdict {
        let mut quotas = Vec::new();
        for charge in charges.chunks(1) {
            quotas.extend(&self.ask(charge, mode).await.quotas);
            tokio::task::yield_now().await;
        }
        Verdict::new(quotas, self.ask(&[], mode).await.at)
    }

    async fn wrong(&self, charges: &[Charge<'_>], mode: Mode) -> Verdict {
        let mut verdict = match self.fault {
            Fault::ChargesOneByOne => self.ask_each(charges, mode).await,
            Fault::ChargesQuestions => self.ask(charges, Mode::Consume).await,
            Fault::ReadsThenWrites | Fault::ChargesWhoAskedFirst if mode == Mode::Consume => {
                let verdict = self.ask(charges, Mode::Peek).await;
                if fits(&verdict) && self.fault == Fault::ReadsThenWrites {
                    tokio::task::yield_now().await;
                    self.ask(charges, mode).await;
                } else if fits(&verdict) {
                    self.ask_each(charges, mode).await;
                }
                verdict
            }
            Fault::HoldsWhatIsDropped => {
                while self.held.swap(true, Ordering::SeqCst) {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                tokio::task::yield_now().await;
                let verdict = self.ask(charges, mode).await;
                self.held.store(false, Ordering::SeqCst);
                verdict
            }
            _ => self.ask(charges, mode).await,
        };
        let denials = if fits(&verdict) { 0 } else { self.denials.fetch_add(1, Ordering::SeqCst) };
        match self.fault {
            Fault::AnswersBackwards => verdict.quotas.reverse(),
            Fault::ChargesDenials if !fits(&verdict) && mode == Mode::Consume => {
                for charge in charges {
                    let one = Charge::new(charge.scope, charge.key, charge.strategy, charge.rates, 1);
                    self.ask(&[one], mode).await;
                }
            }
            Fault::SaysTooLong | Fault::SaysTooShort | Fault::StretchesWaits => {
                let wait = |wait| match self.fault {
                    Fault::SaysTooLong => wait + 10_000,
                    Fault::SaysTooShort => wait - wait / 10,
                    _ => wait + denials,
                };
                verdict.quotas.iter_mut().for_each(|quota| *quota = waiting(*quota, wait));
            }
            _ => {}
        }
        verdict
    }
}

impl Backend for Broken {
    fn decide<'a>(&'a self, charges: &'a [Charge<'a>], mode: Mode) -> Reply<'a, Verdict> {
        NowOrLater::later(async move {
            let cut = |key: &Key| Key::new(key.as_bytes().get(..64).unwrap_or(key.as_bytes()));
            let keys: Vec<Key> = charges.iter().map(|charge| cut(charge.key)).collect();
            let charges: Vec<Charge<'_>> = charges
                .iter()
                .zip(&keys)
                .map(|(charge, key)| {
                    let key = if self.fault == Fault::CutsKeys { key } else { charge.key };
                    let scope = if self.fault == Fault::IgnoresScope { "" } else { charge.scope };
                    Charge::new(scope, key, charge.strategy, charge.rates, charge.cost)
                })
                .collect();
            Ok(self.wrong(&charges, mode).await)
        })
    }

    fn refund<'a>(&'a self, charges: &'a [Charge<'a>], at: u64) -> Reply<'a, ()> {
        NowOrLater::later(async move {
            if self.fault == Fault::RefundsTwice {
                self.memory.refund(charges, at).await?;
            }
            self.memory.refund(charges, at).await
        })
    }

    fn forget<'a>(&'a self, charges: &'a [Charge<'a>]) -> Reply<'a, ()> {
        match self.fault {
            Fault::ForgetsAll => self.memory.reset(),
            Fault::ForgetsNobody => NowOrLater::now(Ok(())),
            _ => self.memory.forget(charges),
        }
    }

    fn reset(&self) -> Reply<'_, ()> {
        if self.fault == Fault::IgnoresReset { NowOrLater::now(Ok(())) } else { self.memory.reset() }
    }
}

async fn rejects(fault: Fault, reasons: &[(&str, &str)]) {
    let found = backend::violations(|| async {
        let clock = ManualClock::new();
        let memory = Memory::builder().clock(clock.clone()).build();
        let (denials, held) = (AtomicU64::new(0), AtomicBool::new(false));
        Subject::new(Broken { memory, fault, denials, held }).clock(clock)
    });
    let found = found.await;
    for (property, sentence) in reasons {
        says(&found, property, sentence);
    }
}

macro_rules! rejected {
    ($($name:ident: $fault:ident, $($property:ident $sentence:literal),+;)*) => { $(
        #[tokio::test(start_paused = true)]
        async fn $name() {
            rejects(Fault::$fault, &[$((stringify!($property), $sentence)),+]).await;
        }
    )* };
}

rejected! {
    answers_come_backwards: AnswersBackwards,
        quotas_come_in_the_order_of_the_limits "it answers about";
    denials_are_charged: ChargesDenials, b093_a_denied_request_changes_nothing "after one of 4 and a denied request 2 are left";
    questions_are_charged: ChargesQuestions, b092_questions_take_nothing "before a question [3] are left, and then [2]";
    identities_are_charged_one_by_one: ChargesOneByOne,
        all_identities_are_charged_or_none "a denied decision on two identities left [3, 0]";
    half_is_charged_when_dropped: ChargesWhoAskedFirst,
        b073_a_dropped_decision_is_all_or_nothing "was dropped after";
    keys_are_cut: CutsKeys, b080_keys_of_any_content_are_kept_apart "is used up by another one";
    all_are_forgotten: ForgetsAll, b074_who_is_forgotten_is_forgotten_alone "another one who had";
    nobody_is_forgotten: ForgetsNobody, b074_who_is_forgotten_is_forgotten_alone "forgotten once";
    drops_leave_a_lock: HoldsWhatIsDropped, b073_a_dropped_decision_holds_nothing "in the way of the next";
    reset_does_nothing: IgnoresReset, b074_a_reset_forgets_everything "after a reset";
    scopes_share: IgnoresScope, b074_scopes_strategies_and_periods_are_kept_apart "was used up";
    reads_then_writes: ReadsThenWrites, b081_as_many_pass_as_the_limit_says "requests at once";
    refunds_are_twice: RefundsTwice, refunds_give_back_what_was_taken "five less three and two back are [5]";
    waits_are_too_long: SaysTooLong, b082_the_wait_is_true "before the end of its wait fits";
    waits_are_too_short: SaysTooShort, b082_the_wait_is_true "after its wait is denied";
    waits_grow_with_denials: StretchesWaits, b093_a_denied_request_changes_nothing "the wait moves";
}
