//! The results of requests, and the wait of the slowest.

use std::fmt;
use std::ops::AddAssign;
use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use throttle_runtime::{BackendError, Decision, DecisionReason, ErrorKind, Throttle};

/// The maximum time that a request waits for its decision.
pub(crate) const DEADLINE: Duration = Duration::from_millis(100);

/// How late timers may be, besides the time that a [`Watch`] leaves out. Less than any pause of the backends.
pub(crate) const SLACK: Duration = Duration::from_millis(400);

/// Measures time, without the time for which a busy machine keeps this process waiting. A thread that only sleeps
/// measures that time.
pub(crate) struct Watch {
    begun: Instant,
    late: u64,
}

impl Watch {
    pub(crate) fn start() -> Self {
        Self { begun: Instant::now(), late: late() }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.begun.elapsed().saturating_sub(Duration::from_micros(late() - self.late))
    }
}

/// Returns the time, in microseconds, by which the thread has been late since it was started.
fn late() -> u64 {
    const PAUSE: Duration = Duration::from_millis(5);
    static LATE: AtomicU64 = AtomicU64::new(0);
    static WATCHES: Once = Once::new();
    WATCHES.call_once(|| {
        thread::spawn(|| {
            loop {
                let begun = Instant::now();
                thread::sleep(PAUSE);
                let late = begun.elapsed().saturating_sub(PAUSE).as_micros();
                LATE.fetch_add(u64::try_from(late).unwrap_or(u64::MAX), Ordering::Relaxed);
            }
        });
    });
    LATE.load(Ordering::Relaxed)
}

#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Admitted by the backend.
    pub(crate) admitted: u64,
    pub(crate) denied: u64,
    /// Admitted by the `on_error` policy, because the backend failed.
    pub(crate) let_pass: u64,
    /// Failed at the deadline: it is unknown whether these were charged.
    pub(crate) waited: u64,
    /// Failed before the deadline.
    pub(crate) failed: u64,
    pub(crate) slowest: Duration,
    pub(crate) errors: Vec<BackendError>,
}

impl Tally {
    /// Makes one request, and returns its result.
    pub(crate) async fn of(throttle: &Throttle, client: u32) -> Self {
        let started = Watch::start();
        let answer = throttle.hit(client).await;
        let mut tally = Self { slowest: started.elapsed(), ..Self::default() };
        tally.count(answer);
        tally
    }

    fn count(&mut self, answer: Result<Decision, BackendError>) {
        let count = match &answer {
            Ok(decision) if decision.reason() == DecisionReason::AllowedOnError => &mut self.let_pass,
            Ok(decision) if decision.is_allowed() => &mut self.admitted,
            Ok(_) => &mut self.denied,
            Err(error) if is_deadline(error) => &mut self.waited,
            Err(_) => &mut self.failed,
        };
        *count += 1;
        self.errors.extend(answer.err());
    }

    /// Returns how many requests the backend did not decide.
    pub(crate) const fn undecided(&self) -> u64 {
        self.let_pass + self.waited + self.failed
    }

    /// Checks that no request waited for longer than the deadline.
    #[track_caller]
    pub(crate) fn expect_in_time(&self) {
        assert!(self.slowest < DEADLINE + SLACK, "{self}");
    }

    /// Checks that every request was answered before the deadline.
    #[track_caller]
    pub(crate) fn expect_nobody_waited(&self) {
        assert_eq!(self.waited, 0, "{self}");
    }
}

/// A backend may report a timeout of its own, which comes before the deadline.
fn is_deadline(error: &BackendError) -> bool {
    error.kind() == ErrorKind::Timeout && error.to_string().starts_with("no reply within")
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.admitted += other.admitted;
        self.denied += other.denied;
        self.let_pass += other.let_pass;
        self.waited += other.waited;
        self.failed += other.failed;
        self.slowest = self.slowest.max(other.slowest);
        self.errors.extend(other.errors);
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { admitted, denied, let_pass, waited, failed, slowest, errors } = self;
        write!(
            f,
            "{admitted} admitted, {denied} denied, {let_pass} let pass, {waited} waited, {failed} failed, "
        )?;
        write!(f, "{slowest:?}, last {:?}", errors.last())
    }
}
