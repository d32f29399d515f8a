//! Decisions about messages: the code that `#[throttle_message]` runs before the function's body.
//!
//! The generated code calls the handler of a message itself. The handler is not a setting, because it borrows
//! the connection: a setting would need a boxed future with the lifetime of the call. Requests and messages
//! that share a quota may therefore have different handlers.

use axum::extract::ws::close_code;

use super::connection::refused;
use super::{Handled, Returned, Socket};
use crate::edge::admit;
use crate::edge::responses::log_misconfigured;
use crate::error::ErrorKind;
use crate::key::Key;
use crate::pipeline::admission_builder::AdmissionBuilder;
use crate::pipeline::degrade::DegradeSink;
use crate::pipeline::rejection::Rejection;
use crate::pipeline::throttle_error::ThrottleError;
use crate::pipeline::throttled::Throttled;
use crate::registry::site::Site;

/// The reason why a message does not reach the body of its function.
#[derive(Debug)]
pub enum Denial {
    /// The attribute with this index denied the message. If the attribute has a handler, the handler answers.
    Throttled(Throttled, usize),
    /// There is no decision.
    Undecided(ThrottleError),
}

/// Decides a message against all sites of its function.
///
/// # Errors
///
/// Returns the reason if the message must not reach the body of its function.
pub async fn decide<S: Send + Sync + 'static, const N: usize>(
    socket: &mut Socket<S>,
    sites: &'static [Site; N],
    keys: [Option<Key>; N],
) -> Result<(), Denial> {
    let (mut context, known, registry) = socket.peer_mut().split();
    let Err(rejection) =
        admit::admit(sites, keys, AdmissionBuilder::new(known, DegradeSink::Nobody), &mut context, registry)
            .await
    else {
        return Ok(());
    };
    Err(match rejection {
        Rejection::Throttled(throttled, _) => {
            // The sites of one function have different uids.
            let denied = |site: &Site| site.throttle(registry).is_ok_and(|it| it.uid() == throttled.uid());
            let number = sites.iter().position(denied).unwrap_or(N);
            Denial::Throttled(throttled, number)
        }
        Rejection::Stopped(stop) => Denial::Undecided(refused(stop).into()),
        Rejection::Misconfigured(error) => {
            log_misconfigured(&error, "messages have no working throttle");
            Denial::Undecided(error.into())
        }
    })
}

/// Returns the outcome of a message after its handler returned `answer`. An answer that ends the connection
/// closes it with a close frame, so that the client sees the reason.
pub async fn handled<R: Handled<H>, H, S>(socket: &mut Socket<S>, answer: H) -> R {
    if R::ends(&answer) {
        socket.end("rate limit exceeded").await;
    }
    R::handled(answer)
}

impl Denial {
    /// Answers a message that no handler of its function answered.
    pub async fn finish<R: Returned, S: Send + Sync + 'static>(self, socket: &mut Socket<S>) -> R {
        let refused = match self {
            Self::Throttled(throttled, _) => {
                socket.deny(throttled).await;
                return R::skipped();
            }
            Self::Undecided(refused) => refused,
        };
        let is_rejected =
            matches!(&refused, ThrottleError::Failed(error) if error.kind() == ErrorKind::Plugin);
        if is_rejected {
            socket.end("refused").await;
        }
        let outcome = R::refused(refused);
        if outcome.is_none() && !is_rejected {
            socket.close(close_code::ERROR, "the rate limiter failed").await;
        }
        outcome.unwrap_or_else(R::skipped)
    }
}

/// Returns the same connection. It makes the compiler check that the connection has the state that the
/// settings need.
pub const fn same<S>(socket: &mut Socket<S>) -> &mut Socket<S> {
    socket
}
