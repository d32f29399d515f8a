//! The signature of a handler, for crates that read it.
//!
//! `axum_extra` reads the path of a typed route from a handler's first argument, and `aide` documents the
//! return type. The parameter and the return type that `#[throttle]` emits hide both, so the parameter's type
//! names them.

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{FnArg, GenericArgument, PathArguments, Signature, Type};

use crate::returned::{mentions, returned};

/// Returns `Handles<First, Returned>`, with `()` for a type that a signature cannot repeat.
pub(crate) fn handles(sig: &Signature, private: &TokenStream) -> TokenStream {
    let first = sig.inputs.first().and_then(|input| match input {
        // An argument with `#[cfg]` may be absent.
        FnArg::Typed(input) if !input.attrs.iter().any(|attr| attr.path().is_ident("cfg")) => {
            Some(nameable(path(&input.ty).to_token_stream()))
        }
        _ => None,
    });
    let first = first.unwrap_or_else(|| quote!(()));
    let returned = nameable(returned(&sig.output));
    quote!(#private::HandlerSignature<#first, #returned>)
}

/// Returns `P` of `Option<P>` and `Result<P, E>`, which typed routes accept as well.
fn path(ty: &Type) -> &Type {
    let Type::Path(wrapped) = ty else { return ty };
    let last = wrapped.path.segments.last().filter(|last| last.ident == "Option" || last.ident == "Result");
    match last.map(|last| &last.arguments) {
        Some(PathArguments::AngleBracketed(arguments)) => match arguments.args.first() {
            Some(GenericArgument::Type(inner)) => inner,
            _ => ty,
        },
        _ => ty,
    }
}

/// Returns the type, or `()` if it contains `impl Trait`, `_` or an elided lifetime.
fn nameable(ty: TokenStream) -> TokenStream {
    if mentions(ty.clone(), &["impl", "_"]) || has_elided_lifetime(ty.clone()) { quote!(()) } else { ty }
}

fn has_elided_lifetime(tokens: TokenStream) -> bool {
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let is =
            |token: &TokenTree, sign| matches!(token, TokenTree::Punct(punct) if punct.as_char() == sign);
        let elided = match &token {
            TokenTree::Group(group) => has_elided_lifetime(group.stream()),
            token if is(token, '&') => !tokens.peek().is_some_and(|next| is(next, '\'')),
            _ => false,
        };
        if elided {
            return true;
        }
    }
    false
}
