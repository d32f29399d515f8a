//! Checks that do not depend on the values of the arguments.

use std::collections::HashSet;

use proc_macro2::Span;
use quote::ToTokens;
use syn::spanned::Spanned;
use syn::{Attribute, Error, FnArg, Meta, Pat, Result, ReturnType, Type};

use crate::args::Args;
use crate::boxed;
use crate::degrade::degrade;
use crate::item::{Func, Kind};
use crate::returned::mentions;

/// Rejects attributes of different kinds on one function.
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

/// The error for a function that returns a boxed future, but does not end in an `async` block.
pub(crate) const NO_ASYNC_BLOCK: &str = "`#[throttle_fn]` needs an `async fn`, or a body that ends in `Box::pin(async move { … })`, as `#[async_trait]` writes it";

/// Checks the order of attributes. An attribute below `#[throttle]` sees the expanded function, and an
/// attribute above it sees the function as written.
pub(crate) fn order(kind: Kind, func: &Func, below_debug_handler: bool) -> Result<()> {
    if kind != Kind::Handler {
        return Ok(());
    }
    if below_debug_handler {
        let message = "`#[throttle]` goes above `#[debug_handler]`, which calls the function with the arguments that are written: \
                       swap the two attributes";
        return Err(Error::new(Span::call_site(), message));
    }
    let reads_errors = |attr: &&Attribute| {
        let is = |name: &str| attr.path().segments.last().is_some_and(|last| last.ident == name);
        is("instrument") && matches!(&attr.meta, Meta::List(list) if mentions(list.tokens.clone(), &["err"]))
    };
    func.attrs.iter().find(reads_errors).map_or(Ok(()), |attr| {
        let message = "`#[instrument(err)]` goes above `#[throttle]`, which converts the `Result` to a response: swap the two attributes";
        Err(Error::new(attr.path().span(), message))
    })
}

/// Rejects functions and combinations of arguments that this kind of attribute does not support.
pub(crate) fn function_and_arguments(kind: Kind, func: &Func, all: &[Args]) -> Result<()> {
    let sig = &func.sig;
    let boxed = || kind == Kind::Function && boxed::output(&sig.output).is_some();
    if sig.asyncness.is_none() && !boxed() {
        let message = format!("`#[{}]` needs an `async fn`", kind.name());
        return Err(Error::new(sig.fn_token.span, message));
    }
    if let (Kind::Handler, Some(FnArg::Receiver(receiver))) = (kind, sig.inputs.first()) {
        return Err(Error::new(
            receiver.span(),
            "an axum handler has no `self`: use `#[throttle_fn]` on methods",
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
    let errors = || all.iter().filter_map(|args| args.error.as_ref());
    if let (Kind::Handler | Kind::Message, Some(error)) = (kind, errors().next()) {
        let message = "`error` belongs to `#[throttle_fn]`: use `handler` to respond to denied requests";
        return Err(Error::new(error.span(), message));
    }
    if let Some(second) = errors().nth(1) {
        return Err(Error::new(
            second.span(),
            "another attribute of this function also sets `error`: remove one",
        ));
    }
    degrade(kind, all)?;
    different(all.iter().filter_map(|args| args.uid.as_ref()), |uid| {
        Error::new(
            uid.span(),
            "another attribute of this function has the same `uid`: choose a different one",
        )
    })?;
    let shared = || all.iter().filter_map(|args| args.shared.as_ref());
    if let (Kind::Function, Some(path)) = (kind, shared().next()) {
        let message = "a static reads its key from requests, and this function has no request: call `hit` of the static in the body";
        return Err(Error::new(path.span(), message));
    }
    different(shared(), |path| Error::new(path.span(), "this static is used twice: remove one"))
}

/// Reports the first element that occurs twice.
fn different<'t, T: ToTokens + 't>(
    mut all: impl Iterator<Item = &'t T>,
    mistake: impl FnOnce(&T) -> Error,
) -> Result<()> {
    let mut seen = HashSet::new();
    let twice = all.find(|it| !seen.insert(it.to_token_stream().to_string()));
    twice.map_or(Ok(()), |twice| Err(mistake(twice)))
}

/// Checks a function that handles WebSocket messages: its first argument is the connection, and arguments
/// that need a response, and `max_concurrent`, are rejected.
fn message(func: &Func, all: &[Args]) -> Result<()> {
    let socket = func.socket();
    if !socket.is_some_and(|socket| matches!(*socket.pat, Pat::Ident(_))) {
        let span = socket.map_or(func.sig.ident.span(), |socket| socket.pat.span());
        let message =
            "the first argument is the connection and has a name: write `socket: &mut throttle::ws::Socket`";
        return Err(Error::new(span, message));
    }
    let concurrent = |args: &Args| {
        let why = "the messages of a connection come one after the other";
        Some((args.max_concurrent.as_ref()?.span(), "max_concurrent", why))
    };
    let wrong = all.iter().find_map(|args| of_responses(args).or_else(|| concurrent(args)));
    wrong.map_or(Ok(()), |(span, name, why)| misplaced(span, name, why))
}

/// The position and name of an argument that is not supported here, and the reason.
type Misplaced = (Span, &'static str, &'static str);

/// Returns an argument that needs a request with a response.
fn of_responses(args: &Args) -> Option<Misplaced> {
    let once = args.once_per_request.as_ref();
    let once = once.map(|value| (value.span(), "once_per_request", "each use is counted"));
    let args = [(&args.headers, "headers"), (&args.charge_when, "charge_when")];
    args.into_iter()
        .find_map(|(value, name)| value.as_ref().map(|value| (value.span(), name, "there is no response")))
        .or(once)
}

fn misplaced(span: Span, name: &str, why: &str) -> Result<()> {
    Err(Error::new(span, format!("`{name}` belongs to `#[throttle]`: {why} here")))
}

/// Checks a function without a request: it returns a value, and arguments that need a request are rejected.
fn plain_function(func: &Func, all: &[Args]) -> Result<()> {
    match &func.sig.output {
        ReturnType::Type(_, ty) if !matches!(**ty, Type::Never(_)) => {}
        output => {
            let span = if let ReturnType::Type(_, ty) = output { ty.span() } else { func.sig.ident.span() };
            let message = "a function with `#[throttle_fn]` returns a `Result` whose error implements `From<throttle::ThrottleError>`: return one, or write `error = path`, a function that creates the error";
            return Err(Error::new(span, message));
        }
    }
    let wrong = all.iter().find_map(|args| {
        let handler = args.handler.as_ref().map(|value| {
            (value.span(), "handler", "the error type, or `error = path`, sets what a denied call returns")
        });
        let state = args.state.as_ref().map(|value| (value.span(), "state", "there is no router"));
        let about_requests =
            [(&args.allow, "allow"), (&args.deny, "deny"), (&args.only, "only"), (&args.bypass, "bypass")];
        let about_requests = about_requests.into_iter().find_map(|(value, name)| {
            value.as_ref().map(|value| (value.span(), name, "there is no request"))
        });
        handler.or_else(|| of_responses(args)).or(state).or(about_requests)
    });
    wrong.map_or(Ok(()), |(span, name, why)| misplaced(span, name, why))
}
