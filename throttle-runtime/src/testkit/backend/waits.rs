//! Promise 3: the wait is exact.

use std::time::Duration;

use super::Limit;
use crate::backend::{Backend, Mode};
use crate::testkit::violation::ensure;
use crate::testkit::{Outcome, Subject, Violation};

/// With every strategy, a client that has waited as long as it was told is admitted, and an earlier client is
/// not.
///
/// Both times are by the backend's own clock, so it does not matter how late a machine is.
///
/// # Errors
///
/// If the backend violates this property: see [`Outcome`].
pub async fn b082_the_wait_is_true<B: Backend>(subject: &Subject<B>) -> Outcome {
    for limit in Limit::of_each(subject.name(), 4, Duration::from_millis(240)) {
        subject.wait_is_true(&limit).await.map_err(|violation| violation.of(&limit))?;
    }
    Ok(())
}

impl<B: Backend> Subject<B> {
    async fn wait_is_true(&self, limit: &Limit) -> Outcome {
        let backend = &**self.get();
        let admitted_at = 'denied: {
            for _ in 0..1_000 {
                if let Some(at) = limit.decide(backend, "a", 1, Mode::Consume).await?.fits_at() {
                    break 'denied at;
                }
            }
            return Err(Violation::new("of 1000 requests none is denied".to_owned()));
        };
        let mut looks = 0;
        loop {
            let answer = limit.decide(backend, "a", 1, Mode::Peek).await?;
            let late = i128::from(answer.0.at) - i128::from(admitted_at);
            ensure!(late < 0 || answer.fits(), "a request {late} us after its wait is denied");
            ensure!(late >= 0 || !answer.fits(), "a request {} us before the end of its wait fits", -late);
            if late >= 0 {
                break;
            }
            // Each wait is half of the remaining time, so that the last query before the end is close to the
            // end.
            let early = u64::try_from(-late).unwrap_or_default();
            self.pass(Duration::from_micros(early.div_ceil(2))).await;
            looks += 1;
            ensure!(looks < 200, "time stands still");
        }
        let answer = limit.decide(backend, "a", 1, Mode::Consume).await?;
        ensure!(answer.fits(), "a request after its wait is denied");
        Ok(())
    }
}
