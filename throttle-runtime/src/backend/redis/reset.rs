//! Forgetting the states of one namespace.

use redis::Value;

use super::engine::Engine;
use super::failure::{Refusal, nonsense};
use super::names;
use crate::BackendError;

/// How many names the server looks at in one step: it serves nobody else meanwhile.
const STEP: usize = 1_000;

impl Engine {
    /// Removes all states of the namespace that were there when it began.
    pub(super) async fn reset(&self) -> Result<(), BackendError> {
        let pattern = names::pattern(&self.namespace);
        let mut cursor = b"0".to_vec();
        loop {
            let mut scan = redis::cmd("SCAN");
            scan.arg(&cursor).arg("MATCH").arg(&pattern).arg("COUNT").arg(STEP);
            let (next, found) = match self.ask(scan).await? {
                Value::Array(mut answer) => match (answer.pop(), answer.pop()) {
                    (Some(Value::Array(found)), Some(Value::BulkString(next))) => (next, found),
                    _ => return Err(nonsense()),
                },
                _ => return Err(nonsense()),
            };
            let mut unlink = redis::cmd("UNLINK");
            let mut names = 0;
            for name in found {
                let Value::BulkString(name) = name else { return Err(nonsense()) };
                unlink.arg(name);
                names += 1;
            }
            if names > 0 {
                self.ask(unlink).await?;
            }
            if next == b"0" {
                break;
            }
            cursor = next;
        }
        self.forget_denied();
        Ok(())
    }

    async fn ask(&self, command: redis::Cmd) -> Result<Value, BackendError> {
        self.slot.send(command).await.map_err(|refusal| match refusal {
            Refusal::NoScript => nonsense(),
            Refusal::Failed(error) => error,
        })
    }
}
