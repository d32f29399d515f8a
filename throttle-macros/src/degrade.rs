//! Checks where `degrade` is allowed.

use syn::spanned::Spanned;
use syn::{Error, Expr, Lit, LitBool, Result};

use crate::args::Args;
use crate::item::Kind;
use crate::literal::literal;

/// Checks that `degrade` is on a handler, and that the decision is made before the handler's arguments: one
/// of them receives it.
pub(crate) fn degrade(kind: Kind, all: &[Args]) -> Result<()> {
    let degrades = |args: &&Args| args.degrade.as_ref().is_some_and(LitBool::value);
    let Some(degrade) = all.iter().find(degrades).and_then(|args| args.degrade.as_ref()) else {
        return Ok(());
    };
    let elsewhere = match kind {
        Kind::Handler => None,
        Kind::Message => Some("call `Peer::hit`, which returns the decision"),
        Kind::Function => Some("call `hit` of a static, which returns the decision"),
    };
    if let Some(instead) = elsewhere {
        let message = format!(
            "`degrade` belongs to `#[throttle]`: this function does not receive the decision: {instead}"
        );
        return Err(Error::new(degrade.span(), message));
    }
    if all.iter().any(|args| args.key.as_ref().is_some_and(is_template)) {
        let message = "`degrade` tells the handler of a denial by an argument, and a key that is made of the arguments \
                       is there too late: write an async fn as the `key`";
        return Err(Error::new(degrade.span(), message));
    }
    all.iter().try_for_each(without_handler)
}

/// Rejects a `handler` beside `degrade`: a denied request continues, so there is nothing to answer.
pub(crate) fn without_handler(args: &Args) -> Result<()> {
    let degrades = args.degrade.as_ref().is_some_and(LitBool::value);
    match args.handler.as_ref().filter(|_| degrades) {
        Some(handler) => {
            let message = "`handler` responds to denied requests, and with `degrade` denied requests continue: remove one of the two";
            Err(Error::new(handler.span(), message))
        }
        None => Ok(()),
    }
}

const fn is_template(key: &Expr) -> bool {
    matches!(literal(key), Some(Lit::Str(_)))
}
