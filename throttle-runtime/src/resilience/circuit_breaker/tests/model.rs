//! Random sequences of actions on a breaker, compared with a simple model.

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone, Copy)]
enum Act {
    Enter,
    /// The request with this index ends, with a success, a failure or no result.
    End(usize, Option<bool>),
    /// The clock moves forward, or back, by this number of seconds.
    Move(i64),
    ForceOpen,
    ForceClose,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let success = prop_oneof![4 => Just(Some(true)), 5 => Just(Some(false)), 1 => Just(None)];
    let act = prop_oneof![
        8 => Just(Act::Enter),
        10 => (0..8_usize, success).prop_map(|(at, success)| Act::End(at, success)),
        4 => (0..=40_i64).prop_map(Act::Move),
        1 => (-40..=0_i64).prop_map(Act::Move),
        1 => prop_oneof![Just(Act::ForceOpen), Just(Act::ForceClose)],
    ];
    prop::collection::vec(act, 0..120)
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Stage {
    Closed { failures: u32 },
    Open { since: u64, wait: u64, failures: u32 },
    Forced { failures: u32 },
    HalfOpen { probing: bool, successes: u32, failures: u32, wait: u64 },
}

/// A model in seconds, for one request after the other.
struct Model {
    failures: u32,
    successes: u32,
    stage: Stage,
    /// The number of changes of the stage.
    era: u32,
    now: u64,
}

/// In seconds.
const RECOVERY: u64 = 10;
const LONGEST: u64 = 35;

impl Model {
    fn turn(&mut self, stage: Stage) {
        self.stage = stage;
        self.era += 1;
    }

    /// Returns `None` if the request is rejected, otherwise whether it is a probe.
    fn enter(&mut self) -> Option<bool> {
        match self.stage {
            Stage::Closed { .. } => Some(false),
            Stage::Open { since, wait, failures } if !(since..since + wait).contains(&self.now) => {
                self.turn(Stage::HalfOpen { probing: true, successes: 0, failures, wait });
                Some(true)
            }
            Stage::HalfOpen { probing: false, successes, failures, wait } => {
                self.stage = Stage::HalfOpen { probing: true, successes, failures, wait };
                Some(true)
            }
            Stage::Open { .. } | Stage::Forced { .. } | Stage::HalfOpen { .. } => None,
        }
    }

    fn end(&mut self, era: u32, success: Option<bool>) {
        if era != self.era {
            return;
        }
        let since = self.now;
        match (self.stage, success) {
            (Stage::Closed { .. }, Some(true)) => self.stage = Stage::Closed { failures: 0 },
            (Stage::Closed { failures }, Some(false)) if failures + 1 == self.failures => {
                self.turn(Stage::Open { since, wait: RECOVERY, failures: failures + 1 });
            }
            (Stage::Closed { failures }, Some(false)) => {
                self.stage = Stage::Closed { failures: failures + 1 };
            }
            (Stage::HalfOpen { successes, .. }, Some(true)) if successes + 1 == self.successes => {
                self.turn(Stage::Closed { failures: 0 });
            }
            (Stage::HalfOpen { failures, wait, .. }, Some(false)) => {
                self.turn(Stage::Open { since, wait: (wait * 2).min(LONGEST), failures: failures + 1 });
            }
            (Stage::HalfOpen { successes, failures, wait, .. }, _) => {
                let successes = successes + u32::from(success.is_some());
                self.stage = Stage::HalfOpen { probing: false, successes, failures, wait };
            }
            (Stage::Closed { .. } | Stage::Open { .. } | Stage::Forced { .. }, _) => {}
        }
    }

    fn force_open(&mut self) {
        match self.stage {
            Stage::Closed { failures } | Stage::Open { failures, .. } | Stage::HalfOpen { failures, .. } => {
                self.turn(Stage::Forced { failures });
            }
            Stage::Forced { .. } => {}
        }
    }

    /// State, failures, successes, and the second from which a request may probe.
    fn info(&self) -> (State, u32, u32, Option<u64>) {
        match self.stage {
            Stage::Closed { failures } => (State::Closed, failures, 0, None),
            Stage::Open { failures, since, wait } => (State::Open, failures, 0, Some(since + wait)),
            Stage::Forced { failures } => (State::Open, failures, 0, None),
            Stage::HalfOpen { failures, successes, .. } => (State::HalfOpen, failures, successes, None),
        }
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).expect("after the epoch").as_secs()
}

proptest! {
    #[test]
    fn it_lives_as_the_model_does(failures in 1..4_u32, successes in 1..4_u32, acts in acts()) {
        let clock = ManualClock::at(1_000_000_000);
        let settings = CircuitBreaker::new().failure_threshold(failures).success_threshold(successes);
        let settings = settings.recovery_timeout(Duration::from_secs(RECOVERY)).growth(2, Duration::from_secs(LONGEST));
        let breaker = live(settings, &clock);
        let mut model = Model { failures, successes, stage: Stage::Closed { failures: 0 }, era: 0, now: 1_000 };
        let mut permits = Vec::new();
        for act in acts {
            match act {
                Act::Enter => {
                    let (entered, permit) = match breaker.enter() {
                        Entry::Pass(permit) => (Some(false), Some(permit)),
                        Entry::Probe(permit) => (Some(true), Some(permit)),
                        Entry::Refused => (None, None),
                    };
                    prop_assert_eq!(entered, model.enter());
                    permits.extend(permit.map(|permit| (permit, model.era)));
                }
                Act::End(at, success) if at < permits.len() => {
                    let (permit, era) = permits.remove(at);
                    match success {
                        Some(true) => permit.succeeded(),
                        Some(false) => permit.failed(),
                        None => drop(permit),
                    }
                    model.end(era, success);
                }
                Act::End(..) => {}
                Act::Move(seconds) => {
                    model.now = model.now.saturating_add_signed(seconds);
                    clock.set(model.now * 1_000_000);
                }
                Act::ForceOpen => {
                    breaker.force_open();
                    model.force_open();
                }
                Act::ForceClose => {
                    breaker.force_close();
                    model.turn(Stage::Closed { failures: 0 });
                }
            }
            let info = breaker.snapshot();
            let found = (info.state, info.failures, info.successes, info.next_attempt.map(seconds));
            prop_assert_eq!(found, model.info(), "after {:?}", act);
        }
    }
}
