//! An admitted request, until its response is complete.

use std::fmt;
use std::mem;

use axum::response::Response;

use super::handler::reshaped;
use crate::decision::Quota;
use crate::edge::permit_body::until_end;
use crate::edge::respond;
use crate::pipeline::admission::Admission;
use crate::registry::Registry;
use crate::throttle::policy_history::ActivePolicy;

/// The admission of a request, which completes the response.
pub(super) struct Admitted(By);

/// The throttles that admitted the request. The last variant is boxed, because a permit is part of the future
/// of every handler: unboxed, its size cost run time and, above all, compile time.
enum By {
    Nobody,
    One(ActivePolicy<'static>, Quota),
    /// With the registry, if its default handler makes the response to a denial of the program.
    Several(Box<(Admission<'static>, Option<Registry>)>),
}

impl Admitted {
    /// For a request whose response stays as it is, for example because rules exclude the request.
    pub(super) const fn by_nobody() -> Self {
        Self(By::Nobody)
    }

    /// For a request that a handler's only throttle admitted.
    pub(super) const fn by_one(policy: ActivePolicy<'static>, quota: Quota) -> Self {
        Self(By::One(policy, quota))
    }

    pub(super) fn by_several(admission: Admission<'static>, registry: &Registry) -> Self {
        let shapes = registry.default_handler().map(|_| registry.clone());
        Self(By::Several(Box::new((admission, shapes))))
    }

    /// Adds the headers of the decisions to the handler's response, and applies `charge_when`.
    pub(super) fn respond(&mut self, response: &mut Response) {
        match mem::replace(&mut self.0, By::Nobody) {
            By::Nobody => {}
            By::One(policy, quota) => respond::by_one(response, &policy, &quota),
            By::Several(several) => {
                let (mut admission, registry) = *several;
                let held = mem::take(&mut admission.held);
                let mut settled = mem::take(response);
                if let Some(registry) = registry {
                    settled = reshaped(settled, &registry);
                }
                *response = respond::settled(admission, settled);
                until_end(response, held);
            }
        }
    }
}

impl fmt::Debug for Admitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Admitted")
    }
}
