//! Instances of one service: each with its own registry and primary, and one board for all.

mod primary;

use std::time::Duration;

use primary::Primary;
use throttle_runtime::backend::Backend;
use throttle_runtime::breaker::State;
use throttle_runtime::{
    CircuitBreaker, DecisionReason, ManualClock, Registry, Settings, Throttle, failover, registry,
};
use tokio::time::{Instant, sleep};

pub(crate) const HOUR: Duration = Duration::from_secs(3_600);

/// Two failures open the breaker, it is probed an hour later, and one success closes it.
pub(crate) const BREAKER: CircuitBreaker = CircuitBreaker::new()
    .named("primary")
    .shared("board")
    .failure_threshold(2)
    .recovery_timeout(HOUR)
    .success_threshold(1);

pub(crate) struct Instance {
    pub(crate) clock: ManualClock,
    pub(crate) primary: Primary,
    pub(crate) registry: Registry,
    throttle: Throttle,
}

impl Instance {
    /// Each instance has its own clock, so that it learns only from the board how much time has passed for
    /// others.
    pub(crate) async fn new(board: impl Backend) -> Self {
        Self::with(board, BREAKER).await
    }

    pub(crate) async fn with(board: impl Backend, breaker: CircuitBreaker) -> Self {
        Self::of("", board, breaker).await
    }

    /// Creates an instance of a service with that namespace.
    pub(crate) async fn of(namespace: &str, board: impl Backend, breaker: CircuitBreaker) -> Self {
        let (clock, primary) = (ManualClock::new(), Primary::default());
        let declared =
            registry().namespace(namespace).clock(clock.clone()).backend("primary", primary.clone());
        let registry = declared.backend("board", board).require_backends(false).build().await;
        let registry = registry.expect("a registry");
        let settings = Settings::new().rate("1000000/min").backend("primary");
        let settings = settings.on_error(failover("memory", breaker).retries(0));
        let throttle = registry.create("guarded", settings).expect("nothing is wrong");
        let instance = Self { clock, primary, registry, throttle };
        // The instance reads the board from its first request on.
        assert_eq!(instance.hit().await, DecisionReason::Backend);
        instance
    }

    pub(crate) async fn hit(&self) -> DecisionReason {
        self.throttle.hit("a").await.expect("a decision").reason()
    }

    pub(crate) fn state(&self) -> State {
        self.throttle.breaker().expect("there is one").snapshot().state
    }

    pub(crate) fn opened(&self) -> Option<std::time::SystemTime> {
        self.throttle.breaker().expect("there is one").snapshot().next_attempt
    }

    pub(crate) fn may_probe(&self) -> bool {
        use throttle_runtime::Clock;
        let now = std::time::UNIX_EPOCH + Duration::from_micros(self.clock.now());
        self.state() == State::Open && self.opened().is_some_and(|at| at <= now)
    }

    /// Fails as often as it takes to open the breaker.
    pub(crate) async fn open(&self) {
        self.primary.fails(true);
        for _ in 0..2 {
            assert_eq!(self.hit().await, DecisionReason::Fallback);
        }
        assert_eq!(self.state(), State::Open);
    }

    /// An hour later, the primary works again.
    pub(crate) async fn close(&self) {
        self.primary.fails(false);
        self.clock.advance(HOUR);
        assert_eq!((self.hit().await, self.state()), (DecisionReason::Backend, State::Closed));
    }

    /// Checks that these requests met an open breaker, and that none reached the primary.
    #[track_caller]
    pub(crate) fn assert_spared(&self, sources: &[DecisionReason]) {
        assert!(sources.iter().all(|source| *source == DecisionReason::BreakerOpen), "{sources:?}");
        assert_eq!(self.primary.calls(), 0);
    }

    pub(crate) async fn hits(&self, requests: usize) -> Vec<DecisionReason> {
        let mut sources = Vec::new();
        for _ in 0..requests {
            sources.push(self.hit().await);
        }
        sources
    }
}

/// Waits until a condition is true: immediately on a paused clock, and for at most ten seconds with a real
/// server.
#[track_caller]
pub(crate) fn eventually(is_so: impl Fn() -> bool) -> impl Future<Output = ()> {
    let place = std::panic::Location::caller();
    async move {
        let end = Instant::now() + Duration::from_secs(10);
        while !is_so() {
            assert!(Instant::now() < end, "it never was so: {place}");
            sleep(Duration::from_millis(20)).await;
        }
    }
}
