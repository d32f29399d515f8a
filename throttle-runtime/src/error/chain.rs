//! Formats an error with all of its causes in one line.

use std::error::Error;

/// Returns the error and all of its sources, outermost first, separated by colons. A source is left out if the
/// text before it ends with it, because many errors repeat their cause.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    for _ in 0..DEEPEST {
        let Some(error) = source else { break };
        let cause = error.to_string();
        if !text.ends_with(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
        source = error.source();
    }
    text
}

/// The maximum number of sources. A longer chain is cut, because an error may be its own source.
const DEEPEST: usize = 32;

#[cfg(test)]
mod tests {
    use std::error::Error;
    use std::{fmt, io};

    use super::chain;
    use crate::error::{BackendError, ErrorKind};

    #[derive(Debug)]
    struct Own(&'static str, Option<Box<dyn Error + Send + Sync>>);

    impl fmt::Display for Own {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl Error for Own {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            match &self.1 {
                Some(source) => Some(&**source),
                None if self.0 == "endless" => Some(self),
                None => None,
            }
        }
    }

    fn pool() -> BackendError {
        let refused = Own("connection refused", None);
        let tls = Own("the TLS handshake failed", Some(refused.into()));
        let pool = Own("no connection from the pool", Some(tls.into()));
        BackendError::with_source(ErrorKind::Connection, "the store failed", pool)
    }

    const POOL: &str =
        "the store failed: no connection from the pool: the TLS handshake failed: connection refused";

    #[test]
    fn f34_a_chain_has_every_cause() {
        assert_eq!(chain(&pool()), POOL);
        assert_eq!(chain(&Own("alone", None)), "alone");
    }

    #[test]
    fn f34_a_cause_that_is_repeated_stands_once() {
        let broken = Own("broken pipe", Some(io::Error::other("broken pipe").into()));
        assert_eq!(chain(&Own("lost: broken pipe", Some(broken.into()))), "lost: broken pipe");
    }

    #[test]
    fn f34_an_error_that_is_its_own_cause_ends() {
        assert_eq!(chain(&Own("endless", None)), "endless");
    }

    /// The error that `raise` returns if the fallback fails, too: both errors with all of their causes.
    #[test]
    fn f34_the_error_of_a_fallback_has_the_causes_of_both() {
        let full = Own("disk quota exceeded", None);
        let memory = Own("cannot write", Some(full.into()));
        let both = BackendError::with_source(ErrorKind::Store, "the fallback failed", memory).after(pool());
        let expected = format!("the fallback failed: cannot write: disk quota exceeded: {POOL}");
        assert_eq!(chain(&both), expected);
        assert_eq!(both.source().map(ToString::to_string).as_deref(), Some("the store failed"));
    }
}
