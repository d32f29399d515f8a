//! An admitted request, until its response says so.

use std::fmt;

use axum::response::Response;

use super::own::reshaped;
use crate::admission::{Admission, settled};
use crate::http::{passed, until_end};
use crate::versions::InForce;
use crate::{Quota, Registry};

/// A request was admitted.
pub struct Permit(By);

/// By whom. The last is boxed, as it goes through the futures of every handler: there its size cost more, to run
/// and above all to compile.
enum By {
    Nobody,
    One(InForce<'static>, Quota),
    /// With the registry, if its default handler makes the response to a denial of the program.
    Several(Box<(Admission<'static>, Option<Registry>)>),
}

impl Permit {
    /// By the rules of the only throttle of a handler, which excluded it.
    pub(super) const fn by_nobody() -> Self {
        Self(By::Nobody)
    }

    /// By the only throttle of a handler.
    pub(super) const fn by_one(policy: InForce<'static>, quota: Quota) -> Self {
        Self(By::One(policy, quota))
    }

    pub(super) fn by_several(admission: Admission<'static>, registry: &Registry) -> Self {
        let shapes = registry.default_handler().map(|_| registry.clone());
        Self(By::Several(Box::new((admission, shapes))))
    }

    /// The handler's response with what the decision says about the limits, which it may settle.
    pub fn respond(self, mut response: Response) -> Response {
        match self.0 {
            By::Nobody => {}
            By::One(policy, quota) => passed::by_one(&mut response, &policy, &quota),
            By::Several(several) => {
                let (mut admission, registry) = *several;
                let held = std::mem::take(&mut admission.held);
                if let Some(registry) = registry {
                    response = reshaped(response, &registry);
                }
                response = settled(admission, response);
                until_end(&mut response, held);
            }
        }
        response
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Permit")
    }
}
