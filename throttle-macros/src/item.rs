//! The function under the attribute. Its body stays the tokens that it is.

use proc_macro2::{Group, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;
use syn::{Attribute, Error, FnArg, GenericArgument, GenericParam, Meta, PathArguments, Result, Signature, Type};
use syn::{Token, Visibility};

use crate::args::Args;

/// Which of the two attributes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `#[throttle]` on an axum handler.
    Handler,
    /// `#[throttle_fn]` on any other async fn.
    Function,
}

impl Kind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Handler => "throttle",
            Self::Function => "throttle_fn",
        }
    }
}

/// A function, without the attributes that are ours.
pub(crate) struct Func {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    pub(crate) body: Group,
}

impl Parse for Func {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        let sig = input.parse()?;
        if input.peek(Token![;]) {
            return Err(input.error("a throttled function needs a body: put the attribute on the implementation"));
        }
        match input.parse()? {
            TokenTree::Group(body) => Ok(Self { attrs, vis, sig, body }),
            other => Err(Error::new(other.span(), "expected the body of the function")),
        }
    }
}

impl Func {
    /// Takes the attributes of the same kind that follow: all of them make one guard.
    pub(crate) fn take_siblings(&mut self, kind: Kind) -> Vec<Attribute> {
        let ours = |attr: &mut Attribute| {
            attr.path().segments.last().is_some_and(|segment| segment.ident == kind.name())
        };
        self.attrs.extract_if(.., ours).collect()
    }

    /// The type of the state that the handler itself takes, as long as it takes one only.
    pub(crate) fn state(&self) -> Result<Option<&Type>> {
        let mut states = self.sig.inputs.iter().filter_map(|input| match input {
            FnArg::Typed(input) => generic_argument(&input.ty, "State"),
            FnArg::Receiver(_) => None,
        });
        let Some(state) = states.next() else { return Ok(None) };
        let text = |ty: &Type| ty.to_token_stream().to_string();
        match states.find(|other| text(other) != text(state)) {
            Some(other) => Err(Error::new(
                other.span(),
                "which state do the throttle's functions see? Say it with `state = T` in the attribute",
            )),
            // A static cannot name a type parameter.
            None => Ok(Some(state).filter(|state| !self.mentions_parameter(state))),
        }
    }

    fn mentions_parameter(&self, ty: &Type) -> bool {
        let mentions = |parameter: &GenericParam| match parameter {
            GenericParam::Type(parameter) => mentions_ident(ty.to_token_stream(), &parameter.ident.to_string()),
            GenericParam::Const(parameter) => mentions_ident(ty.to_token_stream(), &parameter.ident.to_string()),
            GenericParam::Lifetime(_) => false,
        };
        self.sig.generics.params.iter().any(mentions)
    }

    /// The function as it was, next to what is wrong with its attribute: nothing else breaks by that.
    pub(crate) fn beside(&self, error: &Error) -> TokenStream {
        let error = error.to_compile_error();
        let Self { attrs, vis, sig, body } = self;
        quote!(#error #(#attrs)* #vis #sig #body)
    }
}

fn mentions_ident(tokens: TokenStream, name: &str) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == name,
        TokenTree::Group(group) => mentions_ident(group.stream(), name),
        _ => false,
    })
}

/// `T` of `Name<T>`, whatever path leads to `Name`.
fn generic_argument<'t>(ty: &'t Type, name: &str) -> Option<&'t Type> {
    let Type::Path(path) = ty else { return None };
    let segment = path.path.segments.last().filter(|segment| segment.ident == name)?;
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return None };
    match arguments.args.first()? {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    }
}

/// The arguments of a sibling attribute.
pub(crate) fn sibling_args(attribute: &Attribute) -> Result<Args> {
    let span = attribute.path().span();
    match &attribute.meta {
        Meta::List(list) => Args::parse(list.tokens.clone(), span),
        _ => Args::parse(TokenStream::new(), span),
    }
}

/// The return type with `_` for each `impl Trait`, which can be written in signatures only.
pub(crate) fn nameable(tokens: TokenStream) -> TokenStream {
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

/// Skips to the comma or angle bracket that ends the bounds of an `impl`.
fn skip_bounds(tokens: &mut std::iter::Peekable<proc_macro2::token_stream::IntoIter>) {
    let (mut depth, mut arrow) = (0_usize, false);
    while let Some(TokenTree::Punct(_) | TokenTree::Ident(_) | TokenTree::Group(_) | TokenTree::Literal(_)) =
        tokens.peek()
    {
        if let Some(TokenTree::Punct(punct)) = tokens.peek() {
            match punct.as_char() {
                '<' => depth += 1,
                '>' if arrow => {}
                '>' | ',' if depth == 0 => return,
                '>' => depth -= 1,
                _ => {}
            }
            arrow = punct.as_char() == '-';
        }
        tokens.next();
    }
}

/// A place for errors about the function as a whole.
pub(crate) fn name_span(sig: &Signature) -> Span {
    sig.ident.span()
}
