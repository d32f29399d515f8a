//! The function under the attribute. Its body is kept as tokens and never parsed.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;
use syn::{
    Attribute, Error, FnArg, GenericArgument, GenericParam, Meta, PatType, PathArguments, Result, Signature,
};
use syn::{Token, Type, Visibility};

use crate::args::Args;

/// The kind of an attribute.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `#[throttle]` on an axum handler.
    Handler,
    /// `#[throttle_message]` on a function that handles messages of a WebSocket.
    Message,
    /// `#[throttle_fn]` on any other async fn.
    Function,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Handler, Self::Message, Self::Function];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Handler => "throttle",
            Self::Message => "throttle_message",
            Self::Function => "throttle_fn",
        }
    }

    /// Returns whether there is a request. For messages, it is the handshake's.
    pub(crate) const fn has_request(self) -> bool {
        !matches!(self, Self::Function)
    }
}

/// A function, without the attributes of this crate.
pub(crate) struct Func {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    /// The body's inner attributes (`#![…]`), which stay in front of the generated statements.
    inner_attrs: TokenStream,
    body: Group,
}

impl Parse for Func {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        let sig = input.parse()?;
        if input.peek(Token![;]) {
            return Err(input.error("this function has no body: put the attribute on the implementation"));
        }
        match unwrapped(input.parse()?) {
            TokenTree::Group(body) => {
                let (inner_attrs, statements) = split_inner_attrs(body.stream());
                Ok(Self { attrs, vis, sig, inner_attrs, body: braced(&body, statements) })
            }
            other => Err(Error::new(other.span(), "expected the body of the function")),
        }
    }
}

impl Func {
    /// Removes and returns the other attributes of a kind. All attributes of one kind share a guard.
    pub(crate) fn take_attributes(&mut self, kind: Kind) -> Vec<Attribute> {
        let ours = |attr: &mut Attribute| {
            attr.path().segments.last().is_some_and(|segment| segment.ident == kind.name())
        };
        self.attrs.extract_if(.., ours).collect()
    }

    /// Returns the type of the state that the function itself takes: `T` of a handler's `State<T>`, or of the
    /// `Socket<T>` of a function that handles messages. Fails if a handler takes several states.
    pub(crate) fn state(&self, kind: Kind) -> Result<Option<&Type>> {
        if kind == Kind::Message {
            let state = self.socket().and_then(|socket| generic_argument(referent(&socket.ty), "Socket"));
            return Ok(self.without_parameters(state));
        }
        let mut states = self.sig.inputs.iter().filter_map(|input| match input {
            FnArg::Typed(input) => generic_argument(&input.ty, "State"),
            FnArg::Receiver(_) => None,
        });
        let Some(state) = states.next() else { return Ok(None) };
        let text = |ty: &Type| ty.to_token_stream().to_string();
        match states.find(|other| text(other) != text(state)) {
            Some(other) => Err(Error::new(
                other.span(),
                "the type of the state for the throttle's functions is unknown: write `state = T` in the attribute",
            )),
            None => Ok(self.without_parameters(Some(state))),
        }
    }

    /// Returns the argument that is the connection: the first one that is not the receiver.
    pub(crate) fn socket(&self) -> Option<&PatType> {
        self.sig.inputs.iter().find_map(|input| match input {
            FnArg::Typed(input) => Some(input),
            FnArg::Receiver(_) => None,
        })
    }

    /// Returns whether an argument's type mentions `Decision`.
    pub(crate) fn takes_decision(&self) -> bool {
        self.sig.inputs.iter().any(|input| match input {
            FnArg::Typed(input) => mentions_ident(input.ty.to_token_stream(), "Decision"),
            FnArg::Receiver(_) => false,
        })
    }

    /// Returns whether the function may pass its request on, judged by the names of its arguments' types: a
    /// middleware takes `Next`, and a handler that calls another service takes the `Request` or its `Parts`.
    pub(crate) fn passes_request(&self) -> bool {
        self.sig.inputs.iter().any(|input| match input {
            FnArg::Typed(input) => ["Next", "Request", "Parts"].iter().any(|name| is_named(&input.ty, name)),
            FnArg::Receiver(_) => false,
        })
    }

    /// Returns whether an argument binds that name.
    pub(crate) fn binds(&self, name: &str) -> bool {
        self.sig.inputs.iter().any(|input| match input {
            FnArg::Typed(input) => mentions_ident(input.pat.to_token_stream(), name),
            FnArg::Receiver(_) => false,
        })
    }

    /// Drops a type that mentions a generic parameter, which a static cannot name.
    fn without_parameters<'t>(&self, state: Option<&'t Type>) -> Option<&'t Type> {
        state.filter(|state| !self.mentions_parameter(state))
    }

    fn mentions_parameter(&self, ty: &Type) -> bool {
        let mentions = |parameter: &GenericParam| match parameter {
            GenericParam::Type(parameter) => {
                mentions_ident(ty.to_token_stream(), &parameter.ident.to_string())
            }
            GenericParam::Const(parameter) => {
                mentions_ident(ty.to_token_stream(), &parameter.ident.to_string())
            }
            GenericParam::Lifetime(_) => false,
        };
        self.sig.generics.params.iter().any(mentions)
    }

    /// Emits the function unchanged, next to the error of its attribute, so that uses of the function still
    /// compile.
    pub(crate) fn beside(&self, error: &Error) -> TokenStream {
        let error = error.to_compile_error();
        let function = self.with_body(|statements| statements);
        quote!(#error #function)
    }

    /// Emits the function with another body.
    pub(crate) fn with_body(&self, make: impl FnOnce(TokenStream) -> TokenStream) -> TokenStream {
        let Self { attrs, vis, sig, inner_attrs, .. } = self;
        let body = self.body_of(|statements| {
            let made = make(statements);
            quote!(#inner_attrs #made)
        });
        quote!(#(#attrs)* #vis #sig #body)
    }

    /// Returns the statements of the body.
    pub(crate) fn statements(&self) -> TokenStream {
        self.body.stream()
    }

    /// Returns the body with other statements, in the braces that the user wrote. With generated braces, the
    /// compiler would treat the whole function as generated, and lints such as `dead_code` would skip it.
    pub(crate) fn body_of(&self, make: impl FnOnce(TokenStream) -> TokenStream) -> Group {
        braced(&self.body, make(self.body.stream()))
    }
}

/// Removes the group without delimiters in which a `macro_rules!` macro passes a `$body:block`.
fn unwrapped(token: TokenTree) -> TokenTree {
    match &token {
        TokenTree::Group(group) if group.delimiter() == Delimiter::None => {
            group.stream().into_iter().next().map_or(token, unwrapped)
        }
        _ => token,
    }
}

fn braced(like: &Group, tokens: TokenStream) -> Group {
    let mut group = Group::new(like.delimiter(), tokens);
    group.set_span(like.span());
    group
}

/// Splits a body into the `#![…]` at its start and the rest.
fn split_inner_attrs(body: TokenStream) -> (TokenStream, TokenStream) {
    let is = |token: Option<&TokenTree>, sign| matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == sign);
    let tokens: Vec<_> = body.into_iter().collect();
    let mut end = 0;
    while is(tokens.get(end), '#') && is(tokens.get(end + 1), '!') {
        end += 3;
    }
    let mut tokens = tokens.into_iter();
    (tokens.by_ref().take(end).collect(), tokens.collect())
}

fn mentions_ident(tokens: TokenStream, name: &str) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == name,
        TokenTree::Group(group) => mentions_ident(group.stream(), name),
        _ => false,
    })
}

/// Returns `T` of `&mut T`.
fn referent(ty: &Type) -> &Type {
    match ty {
        Type::Reference(reference) => &reference.elem,
        other => other,
    }
}

/// Returns whether the last segment of the type's path is that name.
fn is_named(ty: &Type, name: &str) -> bool {
    matches!(ty, Type::Path(path) if path.path.segments.last().is_some_and(|segment| segment.ident == name))
}

/// Returns `T` of `Name<T>`. Any path may lead to `Name`.
fn generic_argument<'t>(ty: &'t Type, name: &str) -> Option<&'t Type> {
    let Type::Path(path) = ty else { return None };
    let segment = path.path.segments.last().filter(|segment| segment.ident == name)?;
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return None };
    match arguments.args.first()? {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    }
}

/// Parses the arguments of another attribute on the same function.
pub(crate) fn sibling_args(attribute: &Attribute) -> Result<Args> {
    let span = attribute.path().span();
    match &attribute.meta {
        Meta::List(list) => Args::parse(list.tokens.clone(), span),
        _ => Args::parse(TokenStream::new(), span),
    }
}
