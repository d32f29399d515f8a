//! Generates the tokens from attributes and a function.
//!
//! | files | contents |
//! |---|---|
//! | `args` | the names and values of arguments, as written |
//! | `item`, `returned`, `opaque` | the function, its return type in an expression, and the bounds of `impl Trait` |
//! | `boxed`, `signature` | functions that return a boxed future; the signature, for crates that read it |
//! | `check`, `degrade`, `above` | checks of the function, and of the order of attributes in the source file |
//! | `values`, `key`, `quantity`, `template` | convert an argument to the expression in the generated static |
//! | `context`, `paths` | the context and the paths of the generated expressions |
//! | `literal`, `constant`, `rate`, `hint` | literals that are rejected, and what to write instead |
//! | `handler`, `function`, `message`, `declare` | the generated code, for each kind of item |

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Error, Result, Type};

use crate::args::Args;
use crate::context::Context;
use crate::declare::{self, Declared};
use crate::function::function;
use crate::handler::handler;
use crate::item::{Func, Kind, sibling_args};
use crate::message::message;
use crate::paths::{id, private_path};
use crate::site::Site;
use crate::template::argument_names;
use crate::{check, signature};

/// The context of an attribute: its position, and what the crate's features require.
#[derive(Clone, Default)]
pub(crate) struct Here {
    /// A text that is different for each use of an attribute in the program.
    pub(crate) place: String,
    /// Whether `#[debug_handler]` is above the attribute.
    pub(crate) below_debug_handler: bool,
    /// Whether the hidden parameter names the handler's first argument and return type.
    pub(crate) with_signature: bool,
}

/// Expands an attribute. On an error the function is emitted unchanged, next to the error.
pub(crate) fn attribute(kind: Kind, args: TokenStream, item: &TokenStream, here: &Here) -> TokenStream {
    if declare::is_static(item) {
        let declared = syn::parse2::<Declared>(item.clone());
        return declared.map_or_else(
            |error| error.to_compile_error(),
            |declared| declare::declare(kind, args, declared, &here.place),
        );
    }
    let mut func: Func = match syn::parse2(item.clone()) {
        Ok(func) => func,
        Err(error) => {
            let message = format!("`#[{}]` goes on an async fn: {error}", kind.name());
            let error = Error::new(error.span(), message).to_compile_error();
            return quote!(#error #item);
        }
    };
    let siblings = func.take_attributes(kind);
    let others = Kind::ALL.into_iter().filter(|&other| other != kind);
    let strangers: Vec<_> = others
        .flat_map(|other| func.take_attributes(other).into_iter().map(move |attr| (other, attr)))
        .collect();
    let all = std::iter::once(Args::parse(args, Span::call_site())).chain(siblings.iter().map(sibling_args));
    let expanded = collect(all).and_then(|all| {
        check::alone(kind, &strangers)?;
        check::order(kind, &func, here.below_debug_handler)?;
        check::function_and_arguments(kind, &func, &all)?;
        expand(kind, &mut func, &all, here)
    });
    expanded.unwrap_or_else(|error| func.beside(&error))
}

/// Returns all values, or all errors combined.
fn collect<T>(results: impl Iterator<Item = Result<T>>) -> Result<Vec<T>> {
    let mut values = Vec::new();
    let mut errors: Option<Error> = None;
    for result in results {
        match (result, &mut errors) {
            (Ok(value), _) => values.push(value),
            (Err(error), None) => errors = Some(error),
            (Err(error), Some(errors)) => errors.combine(error),
        }
    }
    errors.map_or(Ok(values), Err)
}

fn expand(kind: Kind, func: &mut Func, all: &[Args], here: &Here) -> Result<TokenStream> {
    let private = private_path(all)?;
    let state = state(kind, func, all)?.map(ToTokens::to_token_stream);
    let env = match (kind, &state) {
        (Kind::Function, _) => quote!(#private::Call),
        (_, Some(state)) => quote!(#private::WithState<#state>),
        (_, None) => quote!(#private::WithoutState),
    };
    let name = func.sig.ident.unraw().to_string();
    let id = id(&here.place, &name);
    let names = argument_names(&func.sig);
    let client = if func.binds("client") { None } else { client(kind) };
    let client = client.as_ref();
    let sites = all.iter().enumerate().map(|(index, args)| {
        // The order distinguishes attributes without a `uid` on one function.
        let name = if index == 0 { name.clone() } else { format!("{name}#{}", index + 1) };
        let path = quote!(::core::concat!(::core::module_path!(), "::", #name));
        Context { kind, private: &private, env: &env, path: &path, id, arguments: names.as_deref(), client }
            .site(args)
    });
    let sites = collect(sites)?;
    let guard = guard(&private, &sites);
    Ok(match kind {
        Kind::Handler => {
            let handles = here.with_signature.then(|| signature::handles(&func.sig, &private));
            handler(func, &private, (id, state.as_ref(), handles.as_ref()), &guard)
        }
        Kind::Message => message(func, all, &private, state.as_ref(), &guard),
        Kind::Function => function(func, all, &private, &guard)?,
    })
}

/// Generates the static and the keys, in a block of their own, so that the function's body cannot see their
/// names. All generated names have the prefix `__THROTTLE` or `__throttle`, because a pattern with the name
/// of one of the user's constants would match that constant.
fn guard(private: &TokenStream, sites: &[Site]) -> TokenStream {
    let count = sites.len();
    let statics = sites.iter().map(|site| &site.site);
    let keys = sites.iter().map(|site| match &site.key {
        Some(key) => quote!(::core::option::Option::Some(#key)),
        None => quote!(::core::option::Option::None),
    });
    quote! {
        static __THROTTLE_SITES: [#private::Site; #count] = [#(#statics),*];
        #private::inventory::submit! { #private::LinkedSites(&__THROTTLE_SITES) }
        let __throttle_keys = [#(#keys),*];
    }
}

/// Returns an expression for the client's address in front of the body, or `None` if there is no request.
fn client(kind: Kind) -> Option<TokenStream> {
    match kind {
        Kind::Handler => Some(quote_spanned!(Span::mixed_site()=> __throttle.client_ip())),
        Kind::Message => Some(quote!(__throttle_socket.peer().client_ip())),
        Kind::Function => None,
    }
}

/// Returns the type of the state that the throttle's functions receive: the `state` argument, or else the
/// state that the function itself takes.
fn state<'t>(kind: Kind, func: &'t Func, all: &'t [Args]) -> Result<Option<&'t Type>> {
    let asks = |args: &Args| {
        let Args { rate, key, cost, class, caller, on_error, handler, exempt, only, bypass, .. } = args;
        let handler = handler.as_ref().filter(|_| kind == Kind::Handler);
        [rate, key, cost, class, caller, on_error, exempt, only, bypass]
            .into_iter()
            .flatten()
            .chain(handler)
            .any(|value| !matches!(value, syn::Expr::Lit(_)))
    };
    let state = all.iter().find_map(|args| args.state.as_ref());
    match state {
        Some(state) if !all.iter().any(asks) => Err(Error::new(
            state.span(),
            "`state` is the state that the throttle's functions extract, but this throttle has no functions: remove it",
        )),
        Some(state) => Ok(Some(state)),
        None if kind.has_request() && all.iter().any(asks) => func.state(kind),
        None => Ok(None),
    }
}
