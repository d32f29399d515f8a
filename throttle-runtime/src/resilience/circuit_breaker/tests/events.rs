//! The events of `tracing`: one for each change.

use tracing::Level;

use super::*;
use crate::util::events;

#[test]
fn each_change_is_one_event() {
    events::listen();
    let clock = ManualClock::new();
    let breaker = live(SETTINGS.named("cache").success_threshold(1), &clock);
    fail(&breaker);
    fail(&breaker);
    clock.advance(WAIT);
    assert!(!is_refused(&breaker));
    probe(&breaker).succeeded();
    let line = |message, from, to| {
        format!("message={message} breaker=\"cache\" from=\"{from}\" to=\"{to}\" failures=2 ")
    };
    let expected = [
        (Level::WARN, line("a circuit breaker opened", "closed", "open")),
        (Level::INFO, line("a circuit breaker probes", "open", "half_open")),
        (Level::INFO, line("a circuit breaker closed", "half_open", "closed")),
    ];
    assert_eq!(events::all(), expected);
}
