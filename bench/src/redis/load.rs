//! Callers that each wait for a decision before the next one.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

use super::decide::{Decide, Failure};
use crate::machine;

/// The parameters of a run.
#[derive(Clone)]
pub(super) struct Load {
    pub(super) keys: Arc<[String]>,
    pub(super) callers: usize,
    pub(super) time: Duration,
}

/// The results of one run of a subject.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    pub(super) decisions: u64,
    pub(super) passed: u64,
    pub(super) per_second: f64,
    /// Microseconds.
    pub(super) p50: f64,
    pub(super) p99: f64,
}

/// Returns the runtime of callers and connections. It uses one processor, which no server uses.
pub(super) fn runtime() -> std::io::Result<Runtime> {
    Builder::new_multi_thread().worker_threads(1).enable_all().on_thread_start(|| machine::pin(1)).build()
}

/// Calls the subject from all callers until the time is up.
pub(super) async fn run<D: Decide>(subject: Arc<D>, load: Load) -> Result<Seen, Failure> {
    // All callers share one histogram: hundreds of them would not fit into the processor's cache.
    let times = Arc::new(Mutex::new(Histogram::new(3)?));
    let start = Instant::now();
    let end = start + load.time;
    let caller = |number| caller(subject.clone(), load.keys.clone(), number, end, times.clone());
    let mut callers: JoinSet<_> = (0..load.callers as u64).map(caller).collect();
    let mut passed = 0;
    while let Some(own) = callers.join_next().await {
        passed += own??;
    }
    let seconds = start.elapsed().as_secs_f64();
    let times = times.lock().unwrap_or_else(PoisonError::into_inner);
    let micros = |share| times.value_at_quantile(share) as f64 / 1e3;
    let (decisions, p50, p99) = (times.len(), micros(0.5), micros(0.99));
    Ok(Seen { decisions, passed, per_second: decisions as f64 / seconds, p50, p99 })
}

/// Returns how many decisions of one caller are allowed. Callers draw different keys, but the same ones for
/// each subject.
async fn caller<D: Decide>(
    subject: Arc<D>,
    keys: Arc<[String]>,
    number: u64,
    end: Instant,
    times: Arc<Mutex<Histogram<u64>>>,
) -> Result<u64, Failure> {
    let mut random = fastrand::Rng::with_seed(number);
    let mut passed = 0;
    let mut last = Instant::now();
    while last < end {
        passed += u64::from(subject.decide(&keys[random.usize(..keys.len())]).await?);
        let now = Instant::now();
        let nanos = u64::try_from((now - last).as_nanos())?;
        times.lock().unwrap_or_else(PoisonError::into_inner).record(nanos)?;
        last = now;
    }
    Ok(passed)
}
