//! Throttles of this library for measurements. Alone because several measurements make them.

use throttle::backend::Backend;
use throttle::{Settings, Throttle, registry};

use crate::poll::at_once;

/// Returns a throttle on this backend, in a registry of its own.
pub(crate) fn throttle(memory: impl Backend, settings: Settings) -> Throttle {
    let registry = at_once(registry().backend("memory", memory).build()).expect("nothing is wrong with it");
    registry.create("bench", settings).expect("nothing is wrong with them")
}
