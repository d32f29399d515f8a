//! Tools for tests: of programs with limits, and of your own stores and backends.
//!
//! # Programs
//!
//! [`assert_allowed`], [`assert_denied`] and [`assert_remaining`] check decisions, [`assert_passed`] and
//! [`assert_throttled`] check responses. [`Faulty`] is a backend that fails on command.
//! [`ManualClock`](crate::ManualClock) is a clock that tests advance themselves. The page `guide::testing`
//! describes all of them.
//!
//! # Stores and backends
//!
//! There is one test for each promise that throttles rely on. [`conformance!`] creates a test for each property
//! in [`store`] or [`backend`]; those modules document the properties. The kit itself is tested with stores and
//! backends that are broken in one way each.
//!
//! ```
//! use throttle::backend::Memory;
//! use throttle::testkit::{Subject, conformance};
//!
//! conformance!(memory, backend: || async { Subject::new(Memory::new()) });
//! ```
//!
//! Each property receives a subject of its own, and uses keys that no other property has, so subjects may share
//! a server. If time has to pass, a property waits, unless the subject has a [clock](Subject::clock) that it
//! can advance.

mod assertions;
pub mod backend;
mod concurrent;
mod faulty;
pub mod store;
mod subject;
mod violation;

use std::time::Duration;

pub use assertions::{assert_allowed, assert_denied, assert_passed, assert_remaining, assert_throttled};
pub use faulty::{Fault, Faulty};
pub use subject::Subject;
pub use violation::{Outcome, Violation};

#[doc(inline)]
pub use crate::__conformance as conformance;

/// The maximum duration of a property. A property that takes longer does not end.
const LONGEST: Duration = Duration::from_secs(60);

/// Runs a property to its end on a runtime of its own.
///
/// # Panics
///
/// If the property is violated.
#[track_caller]
#[doc(hidden)]
pub fn run(property: impl Future<Output = Outcome>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(in_time(property)),
        Err(error) => Err(error.into()),
    };
    if let Err(violation) = outcome {
        panic!("{violation}");
    }
}

/// Runs a property. A property that does not end in time is violated, too.
#[doc(hidden)]
pub async fn in_time(property: impl Future<Output = Outcome>) -> Outcome {
    let ended = tokio::time::timeout(LONGEST, property).await;
    ended.unwrap_or_else(|_| Err(Violation::new(format!("it has not ended after {LONGEST:?}"))))
}

/// Tests that a [`Store`](crate::backend::Store) or a [`Backend`](crate::backend::Backend) keeps its promises.
///
/// It takes the name of the module for the tests, the kind, and an async closure that creates a
/// [`Subject`](crate::testkit::Subject). A store is tested as a store, and then as the backend that is built on
/// it.
///
/// ```
/// # use throttle::backend::Memory;
/// # use throttle::{ManualClock, testkit::{Subject, conformance}};
/// conformance!(memory, backend: || async {
///     let clock = ManualClock::new();
///     Subject::new(Memory::builder().clock(clock.clone()).build()).clock(clock)
/// });
/// // conformance!(shelf, store: || async { Subject::new(Shelf::open().await) });
/// ```
#[macro_export]
#[doc(hidden)]
macro_rules! __conformance {
    ($name:ident, store: $make:expr) => {
        #[cfg(test)]
        mod $name {
            #[allow(unused_imports)]
            use super::*;
            $crate::__store_properties! { __conformance_tests { $make } { store } }

            mod as_backend {
                #[allow(unused_imports)]
                use super::*;
                $crate::__backend_properties! {
                    __conformance_tests { || async { ($make)().await.into_backend() } } { backend }
                }
            }
        }
    };
    ($name:ident, backend: $make:expr) => {
        #[cfg(test)]
        mod $name {
            #[allow(unused_imports)]
            use super::*;
            $crate::__backend_properties! { __conformance_tests { $make } { backend } }
        }
    };
}

/// Creates a test for each property of a kind.
#[macro_export]
#[doc(hidden)]
macro_rules! __conformance_tests {
    ({ $make:expr } { $kind:ident } $($property:ident)*) => { $(
        #[test]
        fn $property() {
            $crate::testkit::run(async {
                let subject = ($make)().await;
                $crate::testkit::$kind::$property(&subject).await
            });
        }
    )* };
}

/// Returns the violations of all properties, with their names. For tests of this kit.
#[macro_export]
#[doc(hidden)]
macro_rules! __violations {
    ({ $make:expr } { $kind:ident } $($property:ident)*) => {{
        let mut found = Vec::new();
        $(
            let subject = $make().await;
            if let Err(violation) = $crate::testkit::in_time($kind::$property(&subject)).await {
                found.push((stringify!($property), violation));
            }
        )*
        found
    }};
}
