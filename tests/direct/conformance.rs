//! The stores of the examples keep the promises of stores.

#[path = "../../examples/dict_backend/dict.rs"]
mod dict;
#[path = "../../examples/custom_backend/service.rs"]
mod service;

use throttle::backend::Store;
use throttle::testkit::{Subject, conformance};

conformance!(s12_dict, store: || async { Subject::new(dict::Dict::default()) });

conformance!(s10_s11_service, store: || async {
    let service = service::Service::default();
    service.initialize().await.expect("it is there");
    Subject::new(service)
});
