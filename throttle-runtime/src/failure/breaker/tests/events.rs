//! The events of `tracing`: one for each change.

use std::cell::RefCell;
use std::fmt::{Debug, Write};
use std::sync::Once;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use super::*;

thread_local!(static LOG: RefCell<Vec<(Level, String)>> = const { RefCell::new(Vec::new()) });

/// Tracing remembers for each place in the code whether anybody listens, so there is one for the whole process.
struct Recorder;

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, "{field}={value:?} ").expect("a line");
    }
}

impl Subscriber for Recorder {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && metadata.target() == "throttle"
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        LOG.with_borrow_mut(|log| log.push((*event.metadata().level(), line.0)));
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[test]
fn each_change_is_one_event() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| tracing::subscriber::set_global_default(Recorder).expect("the only one"));
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
    assert_eq!(LOG.take(), expected);
}
