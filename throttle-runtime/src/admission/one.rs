//! A decision of one throttle that the program asks for on behalf of a request.

use std::borrow::Cow;

use super::{Given, KnownKeys, Stop, Ticket, decide_one};
use crate::backend::Mode;
use crate::counters::Event;
use crate::plug::Head;
use crate::{Decision, Throttle};

/// Decides one use, and charges it if it fits. Everything is asked as for an attribute.
pub(crate) async fn hit(
    throttle: &Throttle,
    known: &mut KnownKeys,
    head: &mut Head<'_>,
) -> Result<Decision, Stop> {
    let policy = throttle.policy().into_owned();
    let ticket = match Ticket::draw((Cow::Borrowed(throttle), policy), Given::default(), known, head).await {
        Ok(Ok(ticket)) => ticket,
        Ok(Err(source)) => return Ok(Decision::passed(source)),
        Err(stop) => return Err(stop),
    };
    if !ticket.is_charged() {
        // Nobody could say when a message ends, so it takes no place.
        throttle.count(Event::Skipped);
        return Ok(Decision::passed(ticket.uncharged()));
    }
    let decision = decide_one(&ticket, Mode::Take, head).await.map(|decided| decided.decision);
    throttle.count(Event::of(decision.as_ref()));
    decision.map_err(Stop::Failed)
}
