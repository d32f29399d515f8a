//! What cannot be, whatever the values of the arguments are.

use syn::spanned::Spanned;
use syn::{Attribute, Error, FnArg, Pat, Result, ReturnType, Type};

use crate::args::Args;
use crate::item::{Func, Kind};

/// One function has one kind of attribute.
pub(crate) fn alone(kind: Kind, strangers: &[(Kind, Attribute)]) -> Result<()> {
    strangers.first().map_or(Ok(()), |(theirs, stranger)| {
        let (ours, theirs) = (kind.name(), theirs.name());
        let message = format!(
            "`#[{ours}]` and `#[{theirs}]` cannot share a function: write `#[throttle]` on an axum handler, \
             `#[throttle_message]` on what handles a message of a WebSocket, `#[throttle_fn]` on any other async fn"
        );
        Err(Error::new(stranger.path().span(), message))
    })
}

/// What a function or its attributes cannot be.
pub(crate) fn function_and_arguments(kind: Kind, func: &Func, all: &[Args]) -> Result<()> {
    let sig = &func.sig;
    if sig.asyncness.is_none() {
        let message = format!("`#[{}]` needs an `async fn`", kind.name());
        return Err(Error::new(sig.fn_token.span, message));
    }
    if let (Kind::Handler, Some(FnArg::Receiver(receiver))) = (kind, sig.inputs.first()) {
        return Err(Error::new(
            receiver.span(),
            "an axum handler has no receiver: use `#[throttle_fn]` on a method that is called like any other",
        ));
    }
    if let (Kind::Handler, Some(input)) = (kind, sig.inputs.iter().nth(15)) {
        return Err(Error::new(
            input.span(),
            "axum handlers have at most 16 arguments, and `#[throttle]` adds one",
        ));
    }
    match kind {
        Kind::Handler => {}
        Kind::Message => message(func, all)?,
        Kind::Function => plain_function(func, all)?,
    }
    let mut uids = std::collections::HashSet::new();
    for uid in all.iter().filter_map(|args| args.uid.as_ref()) {
        if !uids.insert(uid.value()) {
            return Err(Error::new(
                uid.span(),
                "another attribute of this function has the same `uid`: choose another",
            ));
        }
    }
    Ok(())
}

/// What handles a message of a WebSocket has the connection as its first argument.
fn message(func: &Func, all: &[Args]) -> Result<()> {
    let socket = func.socket();
    if !socket.is_some_and(|socket| matches!(*socket.pat, Pat::Ident(_))) {
        let span = socket.map_or(func.sig.ident.span(), |socket| socket.pat.span());
        let message =
            "the first argument is the connection, by a name: write `socket: &mut throttle::ws::Socket`";
        return Err(Error::new(span, message));
    }
    let headers = |args: &Args| Some((args.headers.as_ref()?.span(), "headers", "there is no response"));
    let concurrent = |args: &Args| {
        let why = "the messages of a connection come one after the other";
        Some((args.concurrent.as_ref()?.span(), "concurrent", why))
    };
    match all.iter().find_map(|args| headers(args).or_else(|| concurrent(args))) {
        Some((span, name, why)) => {
            Err(Error::new(span, format!("`{name}` belongs to `#[throttle]`: {why} here")))
        }
        None => Ok(()),
    }
}

/// What makes sense on requests only.
fn plain_function(func: &Func, all: &[Args]) -> Result<()> {
    match &func.sig.output {
        ReturnType::Type(_, ty) if !matches!(**ty, Type::Never(_)) => {}
        output => {
            let span = if let ReturnType::Type(_, ty) = output { ty.span() } else { func.sig.ident.span() };
            let message =
                "a throttled function returns a `Result` whose error implements `From<throttle::Refused>`";
            return Err(Error::new(span, message));
        }
    }
    let misplaced = all.iter().find_map(|args| {
        let handler = args
            .handler
            .as_ref()
            .map(|value| (value.span(), "handler", "the error type says what a denial becomes"));
        let headers = args.headers.as_ref().map(|value| (value.span(), "headers", "there is no response"));
        let state = args.state.as_ref().map(|value| (value.span(), "state", "there is no router"));
        let rules = [(&args.only, "only"), (&args.bypass, "bypass")].into_iter().find_map(|(value, name)| {
            value.as_ref().map(|value| (value.span(), name, "there is no request"))
        });
        handler.or(headers).or(state).or(rules)
    });
    match misplaced {
        Some((span, name, why)) => {
            Err(Error::new(span, format!("`{name}` belongs to `#[throttle]`: {why} here")))
        }
        None => Ok(()),
    }
}
