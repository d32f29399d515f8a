//! The stores of the examples keep the promises of stores.

#[path = "../examples/dict_backend/dict.rs"]
mod dict;
#[cfg(unix)]
#[path = "../examples/pooled_store/pooled.rs"]
mod pooled;
#[cfg(unix)]
mod postgres;
#[path = "../examples/custom_backend/service.rs"]
mod service;
#[cfg(unix)]
#[path = "../examples/pooled_store/statements.rs"]
mod statements;

use throttle::backend::Store;
use throttle::testkit::{Subject, conformance};

conformance!(s12_dict, store: || async { Subject::new(dict::Dict::default()) });

conformance!(s10_s11_service, store: || async {
    let service = service::Service::default();
    service.initialize().await.expect("it is there");
    Subject::new(service)
});

// On one server, because starting it takes a second. No property uses the keys of another property.
#[cfg(unix)]
conformance!(s13_pooled, store: || async {
    let pooled = pooled::Pooled::new(postgres::database().parse().expect("a database"), 4);
    pooled.initialize().await.expect("it is there");
    Subject::new(pooled)
});
