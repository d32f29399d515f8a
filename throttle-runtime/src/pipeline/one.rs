//! A decision of one throttle that the program requests for a message.

use std::borrow::Cow;

use super::decide::decide_one;
use super::key_cache::KnownKeys;
use super::ticket::{Given, Prepared, Stop, Ticket};
use crate::backend::Mode;
use crate::config::resolver::Head;
use crate::throttle::counters::Event;
use crate::{Decision, Throttle};

/// Decides one use, and charges it if it fits. All settings are evaluated as they are for an attribute.
pub(crate) async fn hit(
    throttle: &Throttle,
    known: &mut KnownKeys,
    head: &mut Head<'_>,
) -> Result<Decision, Stop> {
    let policy = throttle.policy().into_owned();
    let prepared = Ticket::draw(Cow::Borrowed(throttle), policy, Given::default(), known, head).await?;
    let ticket = match prepared {
        Prepared::Ready(ticket) => ticket,
        Prepared::Passed(reason) => return Ok(Decision::passed(reason)),
    };
    if !ticket.is_charged() {
        // The end of a message is not known, so it acquires no concurrency permit.
        throttle.count(Event::Skipped);
        return Ok(Decision::passed(ticket.uncharged()));
    }
    let decision = decide_one(&ticket, Mode::Consume, head).await.map(|decided| decided.decision);
    throttle.count(Event::of(decision.as_ref()));
    decision.map_err(Stop::Failed)
}
