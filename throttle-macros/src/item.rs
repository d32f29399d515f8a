//! The function under the attribute. Its body stays the tokens that it is.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;
use syn::{
    Attribute, Error, FnArg, GenericArgument, GenericParam, Meta, PatType, PathArguments, Result, Signature,
};
use syn::{Token, Type, Visibility};

use crate::args::Args;

/// Which of the attributes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `#[throttle]` on an axum handler.
    Handler,
    /// `#[throttle_message]` on what handles a message of a WebSocket.
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

    /// Whether there is a request, if only that of a handshake.
    pub(crate) const fn has_request(self) -> bool {
        !matches!(self, Self::Function)
    }
}

/// A function, without the attributes that are ours.
pub(crate) struct Func {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    /// The body's `#![…]`, which stay in front of what comes before its statements.
    inner_attrs: TokenStream,
    body: Group,
}

impl Parse for Func {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        let sig = input.parse()?;
        if input.peek(Token![;]) {
            return Err(input.error("this one has no body, so put the attribute on the implementation"));
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
    /// Takes the attributes of a kind that follow: all of one kind make one guard.
    pub(crate) fn take_attributes(&mut self, kind: Kind) -> Vec<Attribute> {
        let ours = |attr: &mut Attribute| {
            attr.path().segments.last().is_some_and(|segment| segment.ident == kind.name())
        };
        self.attrs.extract_if(.., ours).collect()
    }

    /// The type of the state that the function itself takes: a handler as `State<T>`, if it takes one only, and what
    /// handles messages as `Socket<T>`.
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
                "which state do the throttle's functions see? Say it with `state = T` in the attribute",
            )),
            None => Ok(self.without_parameters(Some(state))),
        }
    }

    /// The argument that is the connection: the first one beside the receiver.
    pub(crate) fn socket(&self) -> Option<&PatType> {
        self.sig.inputs.iter().find_map(|input| match input {
            FnArg::Typed(input) => Some(input),
            FnArg::Receiver(_) => None,
        })
    }

    /// Whether an argument is a `Decision`, by the name of its type.
    pub(crate) fn takes_decision(&self) -> bool {
        self.sig.inputs.iter().any(|input| match input {
            FnArg::Typed(input) => mentions_ident(input.ty.to_token_stream(), "Decision"),
            FnArg::Receiver(_) => false,
        })
    }

    /// Whether the function may pass its request on, by the names of its arguments' types: a middleware takes `Next`, and a
    /// handler that calls another service takes the `Request` or its `Parts`.
    pub(crate) fn passes_request(&self) -> bool {
        self.sig.inputs.iter().any(|input| match input {
            FnArg::Typed(input) => ["Next", "Request", "Parts"].iter().any(|name| is_named(&input.ty, name)),
            FnArg::Receiver(_) => false,
        })
    }

    /// Whether an argument has a binding of that name.
    pub(crate) fn binds(&self, name: &str) -> bool {
        self.sig.inputs.iter().any(|input| match input {
            FnArg::Typed(input) => mentions_ident(input.pat.to_token_stream(), name),
            FnArg::Receiver(_) => false,
        })
    }

    /// A static cannot name a type parameter.
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

    /// The function as it was, next to what is wrong with its attribute: nothing else breaks by that.
    pub(crate) fn beside(&self, error: &Error) -> TokenStream {
        let error = error.to_compile_error();
        let function = self.with_body(|statements| statements);
        quote!(#error #function)
    }

    /// The function with another body.
    pub(crate) fn with_body(&self, make: impl FnOnce(TokenStream) -> TokenStream) -> TokenStream {
        let Self { attrs, vis, sig, inner_attrs, .. } = self;
        let body = self.body_of(|statements| {
            let made = make(statements);
            quote!(#inner_attrs #made)
        });
        quote!(#(#attrs)* #vis #sig #body)
    }

    /// The statements of the body.
    pub(crate) fn statements(&self) -> TokenStream {
        self.body.stream()
    }

    /// The body with other statements, in the braces that the user wrote: with others the whole function would
    /// count as the macro's, and lints such as `dead_code` would pass it by.
    pub(crate) fn body_of(&self, make: impl FnOnce(TokenStream) -> TokenStream) -> Group {
        braced(&self.body, make(self.body.stream()))
    }
}

/// What a `macro_rules!` macro passed on as a `$body:block` comes in a group without delimiters.
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

/// The `#![…]` at the start of a body, and the rest.
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

/// `T` of `&mut T`.
fn referent(ty: &Type) -> &Type {
    match ty {
        Type::Reference(reference) => &reference.elem,
        other => other,
    }
}

/// Whether that is the type's name, whatever path leads to it.
fn is_named(ty: &Type, name: &str) -> bool {
    matches!(ty, Type::Path(path) if path.path.segments.last().is_some_and(|segment| segment.ident == name))
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
