//! Generates the tokens from attributes and a function.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Error, Result, ReturnType, Type};

use crate::args::Args;
use crate::context::Context;
use crate::declare::{self, Declared};
use crate::item::{Func, Kind, sibling_args};
use crate::message::message;
use crate::opaque::opaque;
use crate::paths::{id, private_path};
use crate::returned::returned;
use crate::template::{argument_names, respan};
use crate::values::Site;
use crate::{boxed, check, signature};

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
        #private::inventory::submit! { #private::Linked(&__THROTTLE_SITES) }
        let __throttle_keys = [#(#keys),*];
    }
}

/// Returns an expression for the client's address in front of the body, or `None` if there is no request.
fn client(kind: Kind) -> Option<TokenStream> {
    match kind {
        Kind::Handler => Some(quote_spanned!(Span::mixed_site()=> __throttle.client_ip())),
        Kind::Message => Some(quote!(__throttle_socket.caller().client_ip())),
        Kind::Function => None,
    }
}

// Input:
//     async fn read(State(db): State<Db>) -> Json<Data> { BODY }
//
// Output:
//     async fn read(__throttle: OnlyAxumCallsThrottledHandlers<ID, Without>, State(db): State<Db>) -> Response {
//         match { GUARD; __throttle.enter(&SITES, keys) }.await {
//             Ok(permit) => permit.respond(<Json<Data> as IntoResponse>::into_response(async move { EDGE BODY }.await)),
//             Err(response) => response,
//         }
//     }
fn handler(
    func: &mut Func,
    private: &TokenStream,
    (id, state, handles): (u64, Option<&TokenStream>, Option<&TokenStream>),
    guard: &TokenStream,
) -> TokenStream {
    let handles = handles.map(|handles| quote!(, #handles));
    let carry = match state {
        Some(state) => quote!(#private::With<#state>),
        None => quote!(#private::Without),
    };
    let carry = if func.takes_decision() { quote!(#private::Telling<#carry>) } else { carry };
    let carry = if func.passes_request() { quote!(#private::Passing<#carry>) } else { carry };
    let hidden = quote_spanned!(Span::mixed_site()=> __throttle);
    let returned = returned(&func.sig.output);
    let convert = quote_spanned!(returned.span()=> <#returned as #private::IntoResponse>::into_response);
    let edge = edge(&returned, &func.sig.output);
    func.sig.inputs.insert(
        0,
        syn::parse_quote!(#hidden: #private::OnlyAxumCallsThrottledHandlers<#id, #carry #handles>),
    );
    func.sig.output = syn::parse_quote!(-> #private::Response);
    let body = func.body_of(|statements| quote!(#edge #statements));
    func.with_body(|_| {
        quote! {
            match { #guard #hidden.enter(&__THROTTLE_SITES, __throttle_keys) }.await {
                ::core::result::Result::Ok(__throttle) => __throttle.respond(#convert(async move #body.await)),
                ::core::result::Result::Err(__throttle) => __throttle,
            }
        }
    })
}

// Input:
//     async fn send(to: &str) -> Result<u32, AppError> { BODY }
//
// Output:
//     async fn send(to: &str) -> Result<u32, AppError> {
//         let __throttle = match { GUARD; enter(&SITES, keys) }.await {
//             Ok(held) => held,
//             Err(refused) => return <Result<u32, AppError> as Outcome>::refused(refused),
//         };
//         BODY
//     }
//
// `__throttle` is declared first and so dropped last: the call counts as in flight for as long as the body
// runs. With `error = busy`, the denied branch is `return Err(busy(refused))`.
fn function(func: &Func, all: &[Args], private: &TokenStream, guard: &TokenStream) -> Result<TokenStream> {
    let sig = &func.sig;
    let output = sig.asyncness.is_none().then(|| boxed::output(&sig.output)).flatten();
    let returned = output.map_or_else(|| returned(&sig.output), ToTokens::to_token_stream);
    let refused = match all.iter().find_map(|args| args.error.as_ref()) {
        Some(error) => {
            let here = Span::call_site().located_at(error.span());
            let made_by = respan(quote!(#private::made_by), here);
            quote_spanned!(here=> #made_by(#error, __throttle))
        }
        None => {
            let refused = quote_spanned!(returned.span()=> <#returned as #private::Outcome>::refused);
            quote!(#refused(__throttle))
        }
    };
    let first = quote! {
        let __throttle = match { #guard #private::enter(&__THROTTLE_SITES, __throttle_keys) }.await {
            ::core::result::Result::Ok(__throttle) => __throttle,
            ::core::result::Result::Err(__throttle) => return #refused,
        };
    };
    if sig.asyncness.is_some() {
        return Ok(func.with_body(|statements| quote!(#first #statements)));
    }
    let body = boxed::in_front(func.statements(), &first)
        .ok_or_else(|| Error::new(sig.fn_token.span, check::NO_ASYNC_BLOCK))?;
    Ok(func.with_body(|_| body))
}

/// Generates a branch of the body that is never taken. It returns a value of the function's return type, so
/// the compiler infers the body from that type. Errors about `?` and wrong types are then reported in the
/// body instead of at the attribute.
fn edge(returned: &TokenStream, output: &ReturnType) -> TokenStream {
    let span = Span::call_site().located_at(returned.span());
    let value = quote_spanned!(span=> __throttle);
    let (define, call) = opaque(output, &value).unzip();
    quote_spanned! {span=>
        #[allow(unreachable_code)]
        if false {
            #define
            let __throttle: #returned = loop {};
            #call
            return __throttle;
        }
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
    let said = all.iter().find_map(|args| args.state.as_ref());
    match said {
        Some(said) if !all.iter().any(asks) => {
            Err(Error::new(said.span(), "`state` is what the throttle's functions see, and there are none"))
        }
        Some(said) => Ok(Some(said)),
        None if kind.has_request() && all.iter().any(asks) => func.state(kind),
        None => Ok(None),
    }
}
