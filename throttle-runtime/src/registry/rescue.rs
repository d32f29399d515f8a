//! From what a recovery names to what that is in a registry.

use std::sync::Arc;

use super::{Member, Registry, report};
use crate::failure::Rescue;
use crate::{Breaker, CircuitBreaker, Recovery};

impl Registry {
    /// What a recovery names, as it is here. One that is said for all throttles may name the backend of some, which
    /// then have no other to fall back to.
    pub(super) fn rescue(
        &self,
        uid: &str,
        recovery: &Recovery,
        primary: &Member,
        by_default: bool,
    ) -> Result<Arc<Rescue>, String> {
        let backends = &self.0.declared.backends;
        let standby = match recovery.fallback.map(|fallback| fallback.name) {
            None => None,
            Some(name) => match backends.get(name) {
                None => return Err(report::unknown_fallback(uid, name, backends.keys())),
                Some((standby, _)) if standby.is(primary) && by_default => None,
                Some((standby, _)) if standby.is(primary) => {
                    return Err(format!(
                        "`{uid}` runs on \"{}\" and falls back to the same: name another backend",
                        primary.name
                    ));
                }
                Some((standby, _)) => Some(standby.clone()),
            },
        };
        let breaker = recovery.breaker.map(|breaker| self.breaker(uid, breaker)).transpose()?;
        Ok(Rescue::new(recovery, standby, breaker))
    }

    /// The breaker with these settings, and its board.
    fn breaker(&self, uid: &str, settings: CircuitBreaker) -> Result<Breaker, String> {
        let (common, backends) = (&self.0.common, &self.0.declared.backends);
        let Some(board) = settings.board else { return common.breakers.get(settings, None) };
        let Some(name) = settings.chosen_name() else {
            return Err(format!(
                "`{uid}` has a breaker without a name that is shared through \"{board}\": write `.named(..)`, as the \
                 other instances know it by its name"
            ));
        };
        let Some((member, _)) = backends.get(board) else {
            return Err(report::unknown_board(uid, board, backends.keys()));
        };
        if member.backend.board().is_none() {
            return Err(format!(
                "`{uid}` shares the breaker \"{name}\" through \"{board}\", which has no board that other instances \
                 read: name a backend that has, such as `Redis`"
            ));
        }
        common.breakers.get(settings, Some((member, common.scope(name))))
    }
}
