//! The return type, in the form in which an expression can name it.

use std::iter::Peekable;

use proc_macro2::token_stream::IntoIter;
use proc_macro2::{Group, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{ReturnType, Type};

/// Returns the return type as an expression can name it.
pub(crate) fn returned(output: &ReturnType) -> TokenStream {
    match output {
        ReturnType::Default => quote!(()),
        ReturnType::Type(_, ty) if matches!(**ty, Type::Never(_)) => {
            quote_spanned!(ty.span()=> ::core::convert::Infallible)
        }
        ReturnType::Type(_, ty) => nameable(ty.to_token_stream()),
    }
}

/// Replaces each `impl Trait`, which only a signature can name, by `_`.
fn nameable(tokens: TokenStream) -> TokenStream {
    let mut named = TokenStream::new();
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Ident(ident) if ident == "impl" => {
                named.extend(quote!(_));
                skip_bounds(&mut tokens);
            }
            TokenTree::Group(group) => {
                let mut inner = Group::new(group.delimiter(), nameable(group.stream()));
                inner.set_span(group.span());
                named.extend([TokenTree::Group(inner)]);
            }
            other => named.extend([other]),
        }
    }
    named
}

/// Returns whether one of the words is among the tokens.
pub(crate) fn mentions(tokens: TokenStream, words: &[&str]) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => words.iter().any(|word| ident == word),
        TokenTree::Group(group) => mentions(group.stream(), words),
        _ => false,
    })
}

/// Skips the bounds of an `impl`, up to the comma or angle bracket that ends them.
fn skip_bounds(tokens: &mut Peekable<IntoIter>) {
    let (mut depth, mut arrow) = (0_usize, false);
    while let Some(token) = tokens.peek() {
        if let TokenTree::Punct(punct) = token {
            match punct.as_char() {
                '<' => depth += 1,
                '>' if arrow => {}
                '>' | ',' if depth == 0 => break,
                '>' => depth -= 1,
                _ => {}
            }
            arrow = punct.as_char() == '-';
        }
        tokens.next();
    }
}
