//! Conversions of rejected calls into gRPC statuses. Alone because it needs the `tonic` feature.

use std::sync::Arc;

use http::HeaderMap;
use tonic::metadata::MetadataMap;
use tonic::{Code, Status};

use crate::pipeline::throttle_error::ThrottleError;
use crate::pipeline::throttled::Throttled;

/// `RESOURCE_EXHAUSTED` with the sentence of the default response. `Retry-After` and the other headers become
/// metadata.
impl From<Throttled> for Status {
    fn from(throttled: Throttled) -> Self {
        let mut headers = HeaderMap::new();
        throttled.write_headers(&mut headers);
        Self::with_metadata(Code::ResourceExhausted, throttled.message(), MetadataMap::from_headers(headers))
    }
}

/// `RESOURCE_EXHAUSTED` for a denial, and `INTERNAL` if there is no decision. The cause of `INTERNAL` becomes
/// the status's [source](std::error::Error::source), which is not sent to the client.
impl From<ThrottleError> for Status {
    fn from(refused: ThrottleError) -> Self {
        match refused {
            ThrottleError::Throttled(throttled) => throttled.into(),
            failed => {
                let mut status = Self::internal("the rate limiter failed");
                status.set_source(Arc::new(failed));
                status
            }
        }
    }
}
