//! The events of this thread: tracing remembers for each place in the code whether anybody listens, so there
//! has to be one listener for the whole process.

use std::cell::RefCell;
use std::fmt::{Debug, Write};
use std::sync::Once;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

thread_local!(static LOG: RefCell<Vec<(Level, String)>> = const { RefCell::new(Vec::new()) });

struct Recorder;

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, "{field}={value:?} ").expect("a line");
    }
}

impl<S: Subscriber> Layer<S> for Recorder {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == "throttle" {
            let mut line = Line(String::new());
            event.record(&mut line);
            LOG.with_borrow_mut(|log| log.push((*event.metadata().level(), line.0)));
        }
    }
}

/// Listens from now on; what this thread has seen before is forgotten.
pub fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let subscriber = tracing_subscriber::registry().with(Recorder);
        tracing::subscriber::set_global_default(subscriber).expect("the only one");
    });
    LOG.with_borrow_mut(Vec::clear);
}

/// The lines of this level that this thread has seen.
pub fn seen(level: Level) -> Vec<String> {
    LOG.with_borrow(|log| log.iter().filter(|(of, _)| *of == level).map(|(_, line)| line.clone()).collect())
}
