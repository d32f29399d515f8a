//! Cached identities, so that each key function is called only once.

use std::any::TypeId;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::config::policy::Policy;
use crate::config::resolver::{EarlyResponse, RequestContext, Resolver, role};
use crate::key::Identity;
use crate::throttle::Throttle;

/// The identities that key functions returned. If several throttles of one handler share a key function, it
/// is called once per request.
#[derive(Default)]
pub(crate) struct KeyCache {
    by_function: SmallVec<[(TypeId, Identity); 1]>,
    /// For connections, where one set of request parts serves many uses: the identity of each throttle, until
    /// the throttle uses another policy.
    by_throttle: Option<Vec<Kept>>,
}

struct Kept {
    throttle: Throttle,
    policy: Arc<Policy>,
    identity: Identity,
}

impl KeyCache {
    /// For the messages of a connection: each identity is resolved once per throttle, from any key source.
    #[cfg(feature = "ws")]
    pub(crate) const fn of_connection() -> Self {
        Self { by_function: SmallVec::new_const(), by_throttle: Some(Vec::new()) }
    }

    pub(crate) async fn identity(
        &mut self,
        throttle: &Throttle,
        policy: &Arc<Policy>,
        context: &mut RequestContext<'_>,
    ) -> Result<Identity, EarlyResponse> {
        let mut kept = self.by_throttle.iter().flatten();
        if let Some(kept) = kept.find(|kept| Arc::ptr_eq(&kept.policy, policy)) {
            return Ok(kept.identity.clone());
        }
        let identity = self.call_once(&*policy.key, context).await?;
        if let Some(kept) = &mut self.by_throttle {
            kept.retain(|kept| !kept.throttle.ptr_eq(throttle));
            let (throttle, policy) = (throttle.clone(), Arc::clone(policy));
            kept.push(Kept { throttle, policy, identity: identity.clone() });
        }
        Ok(identity)
    }

    async fn call_once(
        &mut self,
        key: &dyn Resolver<role::key>,
        context: &mut RequestContext<'_>,
    ) -> Result<Identity, EarlyResponse> {
        let Some(function) = key.function() else { return key.resolve(context).await };
        if let Some((_, identity)) = self.by_function.iter().find(|(known, _)| *known == function) {
            return Ok(identity.clone());
        }
        let identity = key.resolve(context).await?;
        self.by_function.push((function, identity.clone()));
        Ok(identity)
    }
}
