//! The worst burst of one client: the most units that a strategy admits in any period. It is measured through
//! `Throttle::hit`, by a client that sends whenever it may.

use std::error::Error;

use throttle::backend::Memory;
use throttle::strategy::{
    Adaptive, Calendar, CostBasedTokenBucket, FixedWindow, Gcra, LeakyBucket, LeakyBucketQueue,
    PriorityQueue, QuotaWithRollover, SlidingWindowCounter, SlidingWindowLog, Strategy, TieredRate,
    TimeOfDay, TokenBucket, TokenBucketWithDebt,
};
use throttle::{Clock, Hit, ManualClock, Settings, Throttle, registry};

const MINUTE: u64 = 60_000_000;
const DAY: u64 = 24 * 60 * MINUTE;

/// The start of 2026, in microseconds. It is a border of all windows.
pub(crate) const NEW_YEAR: u64 = 1_767_225_600_000_000;

/// A strategy with its settings, and what an attacker makes use of.
#[derive(Clone)]
pub(crate) struct Case {
    /// The name of the type.
    pub(crate) strategy: &'static str,
    /// The settings that differ from the default settings, in Markdown. Empty for the default settings.
    pub(crate) settings: &'static str,
    /// [`Strategy::name`].
    pub(crate) name: &'static str,
    /// In microseconds.
    pub(crate) period: u64,
    /// The borders of windows around which the client attacks. Empty if the strategy has no aligned windows.
    pub(crate) borders: Vec<u64>,
    throttle: Settings,
    /// The classes that the client sends, in this order.
    pub(crate) classes: &'static [&'static str],
    /// The moment around which the client attacks.
    pub(crate) around: u64,
}

impl Case {
    fn new(strategy: &'static str, settings: &'static str, value: impl Strategy) -> Self {
        Self {
            strategy,
            settings,
            name: value.name(),
            period: MINUTE,
            borders: Vec::new(),
            throttle: Settings::new().rate("10/min").strategy(value),
            classes: &[""],
            around: NEW_YEAR,
        }
    }

    fn aligned(strategy: &'static str, settings: &'static str, value: impl Strategy) -> Self {
        Self { borders: minutes(NEW_YEAR), ..Self::new(strategy, settings, value) }
    }

    fn classes(self, classes: &'static [&'static str]) -> Self {
        Self { classes, ..self }
    }

    /// Moves the attack to four o'clock.
    fn at_night(self) -> Self {
        let around = NEW_YEAR + 4 * 60 * MINUTE;
        Self { borders: minutes(around), around, ..self }
    }

    /// Replaces the minutes by months. The client attacks around the first of February.
    fn monthly(self) -> Self {
        let first_of_month = [31, 59, 90].map(|day| NEW_YEAR + day * DAY);
        let (borders, around) = (first_of_month.to_vec(), first_of_month[0]);
        Self { throttle: self.throttle.rate("10/30days"), period: 30 * DAY, borders, around, ..self }
    }
}

/// Returns the borders of the minutes around a moment.
fn minutes(around: u64) -> Vec<u64> {
    (0..5).map(|window| around + window * MINUTE - 2 * MINUTE).collect()
}

/// Returns every built-in strategy, in the order of the guide. The first case of a strategy has a picture.
pub(crate) fn cases() -> Vec<Case> {
    let (low_load, office_hours) = (Adaptive::new().load(|| 500), TimeOfDay::office_hours("UTC"));
    vec![
        Case::aligned("FixedWindow", "", FixedWindow),
        Case::new("SlidingWindowLog", "", SlidingWindowLog),
        Case::aligned("SlidingWindowCounter", "", SlidingWindowCounter),
        Case::new("TokenBucket", "", TokenBucket::new()),
        Case::new("TokenBucketWithDebt", "`max_debt(5)`", TokenBucketWithDebt::new().max_debt(5)),
        Case::new("LeakyBucket", "", LeakyBucket),
        Case::new("Gcra", "", Gcra::new()),
        Case::new("Gcra", "`burst(10)`", Gcra::new().burst(10)),
        Case::new("LeakyBucketQueue", "", LeakyBucketQueue::new()),
        Case::new("CostBasedTokenBucket", "", CostBasedTokenBucket::new()),
        Case::aligned("TieredRate", "", TieredRate::new()),
        Case::new("PriorityQueue", "all four priorities", PriorityQueue::new())
            .classes(&["low", "normal", "high", "critical"]),
        Case::new("PriorityQueue", "one priority", PriorityQueue::new()),
        Case::aligned("QuotaWithRollover", "", QuotaWithRollover::new()),
        Case::aligned("Adaptive", "", Adaptive::new()),
        Case::aligned("Adaptive", "`load(…)`, while the load is low", low_load),
        Case::aligned("TimeOfDay", "`office_hours(…)`, at night", office_hours).at_night(),
        Case::aligned("Calendar", "`\"10/30days\"`, in February", Calendar::in_zone("UTC")).monthly(),
    ]
}

/// An attack: some units at one moment, and later everything that is admitted.
#[derive(Debug, Clone, Copy)]
struct Attack {
    /// The moment of the first units, and their number.
    first: Option<(u64, u64)>,
    /// When the client begins to send whenever it may.
    from: u64,
}

impl Attack {
    /// Returns attacks around a border of windows. Attacks that a picture shows well come first. Without windows,
    /// no earlier units help an attacker.
    fn all(case: &Case) -> Vec<Self> {
        let (period, around) = (case.period, case.around);
        let before = |twentieths: u64| around - twentieths * period / 20;
        let starts = [before(10), before(18), before(2), before(1), around - 1, around];
        let first_at = [before(30), before(20), before(1), around - 1];
        let firsts = first_at.into_iter().flat_map(|at| [1, 8, 10].map(|units| Some((at, units))));
        let firsts = firsts.filter(|_| !case.borders.is_empty());
        let firsts: Vec<_> = [None].into_iter().chain(firsts).collect();
        let attacks = starts.into_iter().flat_map(|from| {
            let firsts = firsts.iter().filter(move |first| first.is_none_or(|(at, _)| at < from));
            firsts.map(move |first| Self { first: *first, from })
        });
        attacks.collect()
    }

    /// Returns the admissions of two periods.
    async fn run(self, case: &Case) -> Result<Vec<u64>, Box<dyn Error>> {
        let clock = ManualClock::at(self.first.map_or(self.from, |(at, _)| at));
        let throttle = throttle(case, &clock).await?;
        let mut admissions = Vec::new();
        for _ in 0..self.first.map_or(0, |(_, units)| units) {
            if throttle.hit(Hit::new("client").class(case.classes[0])).await?.is_allowed() {
                admissions.push(clock.now());
            }
        }
        clock.set(self.from);
        while clock.now() < self.from + 2 * case.period {
            let mut waits = Vec::new();
            for class in case.classes {
                loop {
                    let decision = throttle.hit(Hit::new("client").class(*class)).await?;
                    if !decision.is_allowed() {
                        waits.extend(decision.retry_after());
                        break;
                    }
                    admissions.push(clock.now());
                }
            }
            clock.advance(waits.into_iter().min().ok_or("a denied request has no wait")?);
        }
        Ok(admissions)
    }
}

/// Creates the throttle of a case, with empty states.
pub(crate) async fn throttle(case: &Case, clock: &ManualClock) -> Result<Throttle, Box<dyn Error>> {
    let memory = Memory::builder().clock(clock.clone()).build();
    let registry = registry().backend("memory", memory).build().await?;
    Ok(registry.create("burst", case.throttle.clone())?)
}

/// The most units that were admitted in any span of one length.
#[derive(Debug, Clone, Default)]
pub(crate) struct Burst {
    /// The first moment of the span, in microseconds since the Unix epoch.
    pub(crate) start: u64,
    /// The moments at which a unit was admitted, from `start` until just before the end of the span.
    pub(crate) admissions: Vec<u64>,
}

impl Burst {
    /// Finds the span of `length` with the most admissions. The last moment of a span is just before its end.
    fn of(admissions: &[u64], length: u64) -> Self {
        let mut worst: &[u64] = &[];
        for (index, start) in admissions.iter().enumerate() {
            let later = &admissions[index..];
            let within = later.iter().take_while(|at| *at - start < length).count();
            if within > worst.len() {
                worst = &later[..within];
            }
        }
        Self { start: worst.first().copied().unwrap_or_default(), admissions: worst.to_vec() }
    }

    /// Returns the number of units.
    pub(crate) const fn units(&self) -> usize {
        self.admissions.len()
    }
}

/// The worst bursts of all attacks.
#[derive(Debug, Clone, Default)]
pub(crate) struct Worst {
    /// In a period.
    pub(crate) period: Burst,
    /// In 1/60 of a period: a second if the period is a minute.
    pub(crate) moment: Burst,
}

impl Worst {
    /// Measures all attacks against a strategy.
    pub(crate) async fn of(case: &Case) -> Result<Self, Box<dyn Error>> {
        let mut worst = Self::default();
        for attack in Attack::all(case) {
            let found = Self::among(&attack.run(case).await?, case);
            if found.period.units() > worst.period.units() {
                worst.period = found.period;
            }
            if found.moment.units() > worst.moment.units() {
                worst.moment = found.moment;
            }
        }
        Ok(worst)
    }

    /// Finds the worst bursts of one sequence of admissions.
    pub(crate) fn among(admissions: &[u64], case: &Case) -> Self {
        let period = Burst::of(admissions, case.period);
        Self { period, moment: Burst::of(admissions, case.period / 60) }
    }

    /// Returns the units in a period, and in 1/60 of a period.
    pub(crate) const fn units(&self) -> [usize; 2] {
        [self.period.units(), self.moment.units()]
    }
}
