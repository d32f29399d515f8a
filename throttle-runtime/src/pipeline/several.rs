//! Decisions about several throttles that the program calls together.

use smallvec::SmallVec;

use super::admission::{Admission, Group};
use super::decide::decide;
use super::degrade::DegradeSink;
use super::prepare::Stop;
use super::rejection::Rejection;
use super::ticket::Ticket;
use crate::backend::Mode;
use crate::config::resolver::RequestContext;
use crate::decision::Decision;
use crate::error::{BackendError, no_request};

type Tickets<'a> = Vec<Ticket<'a>>;

/// Charges all tickets or none, as far as they share a backend. On different backends, earlier charges are
/// refunded. Returns the combined decision, or the denial of one throttle.
pub(crate) async fn commit(
    tickets: Tickets<'_>,
    context: &mut RequestContext<'_>,
) -> Result<Decision, BackendError> {
    // The end of such a use is not known, so it acquires no concurrency permit.
    let mut admission = Admission::of(tickets, DegradeSink::Nobody);
    let outcome = admission.decide(context).await;
    match admission.settled(outcome).await {
        Ok(admission) => {
            let decided = admission.decided.into_iter().flatten();
            Ok(Decision::of_all(decided.map(|decided| decided.decision)))
        }
        Err(Rejection::Throttled(throttled, _)) => Ok(throttled.decision().clone()),
        Err(Rejection::Stopped(Stop::Failed(error))) => Err(error),
        // Calls with an explicit key evaluate no setting that can answer like this.
        Err(Rejection::Stopped(Stop::Answered(_) | Stop::Forbidden(_)) | Rejection::Misconfigured(_)) => {
            Err(no_request())
        }
    }
}

/// Returns what [`commit`] would return now. Charges nothing.
pub(crate) async fn check(
    tickets: &[Ticket<'_>],
    context: &mut RequestContext<'_>,
) -> Result<Decision, BackendError> {
    let mut decisions = Vec::new();
    let mut rest: SmallVec<[&Ticket<'_>; 1]> = tickets.iter().collect();
    while let Some(&first) = rest.first() {
        let asked: SmallVec<[&Ticket<'_>; 1]> = rest
            .iter()
            .enumerate()
            .filter(|(index, ticket)| *index == 0 || Group::of(first).shares_a_backend(Group::of(ticket)))
            .map(|(_, ticket)| *ticket)
            .collect();
        rest.retain(|ticket| !asked.iter().any(|asked| std::ptr::eq(*asked, *ticket)));
        let answers = decide(&asked, Mode::Peek, context).await.into_iter().flatten();
        let answers = answers.map(|answer| answer.map(|decided| decided.decision));
        let answers = answers.collect::<Result<Vec<_>, _>>()?;
        // The longest wait, after which the request fits all limits.
        let denials = answers.iter().filter(|answer| answer.is_throttled());
        if let Some(worst) = denials.max_by_key(|denial| denial.strictness()) {
            return Ok(worst.clone());
        }
        decisions.extend(answers);
    }
    Ok(Decision::of_all(decisions))
}
