//! From attributes and a function to tokens.

use std::hash::{DefaultHasher, Hash, Hasher};

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Attribute, Error, FnArg, Path, Result, ReturnType, Type};

use crate::args::Args;
use crate::item::{Func, Kind, name_span, nameable, sibling_args};
use crate::values::{Place, Site};

/// Expands an attribute. On a mistake the function is emitted as it was, next to the error.
pub(crate) fn attribute(kind: Kind, args: TokenStream, item: TokenStream, place: &str) -> TokenStream {
    let mut func: Func = match syn::parse2(item.clone()) {
        Ok(func) => func,
        Err(error) => {
            let message = format!("`#[{}]` goes on an async fn: {error}", kind.name());
            let error = Error::new(error.span(), message).to_compile_error();
            return quote!(#error #item);
        }
    };
    let siblings = func.take_attributes(kind);
    let strangers = func.take_attributes(kind.other());
    let all = std::iter::once(Args::parse(args, Span::call_site())).chain(siblings.iter().map(sibling_args));
    let expanded = collect(all).and_then(|all| {
        check_alone(kind, &strangers)?;
        check(kind, &func, &all)?;
        expand(kind, &mut func, &all, place)
    });
    expanded.unwrap_or_else(|error| func.beside(&error))
}

/// All values, or all errors.
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

fn check_alone(kind: Kind, strangers: &[Attribute]) -> Result<()> {
    strangers.first().map_or(Ok(()), |stranger| {
        let (ours, theirs) = (kind.name(), kind.other().name());
        let message = format!(
            "`#[{ours}]` and `#[{theirs}]` cannot share a function: write `#[throttle]` on an axum handler, \
             `#[throttle_fn]` on any other async fn"
        );
        Err(Error::new(stranger.path().span(), message))
    })
}

/// What cannot be, whatever the values are.
fn check(kind: Kind, func: &Func, all: &[Args]) -> Result<()> {
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
    if kind == Kind::Function {
        check_function(func, all)?;
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

/// What makes sense on requests only.
fn check_function(func: &Func, all: &[Args]) -> Result<()> {
    match &func.sig.output {
        ReturnType::Type(_, ty) if !matches!(**ty, Type::Never(_)) => {}
        output => {
            let span = if let ReturnType::Type(_, ty) = output { ty.span() } else { name_span(&func.sig) };
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
        handler.or(headers).or(state)
    });
    match misplaced {
        Some((span, name, why)) => {
            Err(Error::new(span, format!("`{name}` belongs to `#[throttle]`: {why} here")))
        }
        None => Ok(()),
    }
}

fn expand(kind: Kind, func: &mut Func, all: &[Args], place: &str) -> Result<TokenStream> {
    let private = private_path(all)?;
    let state = state(kind, func, all)?.map(ToTokens::to_token_stream);
    let env = match (kind, &state) {
        (Kind::Function, _) => quote!(#private::Call),
        (Kind::Handler, Some(state)) => quote!(#private::Web<#state>),
        (Kind::Handler, None) => quote!(#private::Web<()>),
    };
    let name = func.sig.ident.unraw().to_string();
    let sites = all.iter().enumerate().map(|(index, args)| {
        // Attributes without a `uid` on one function are told apart by their order.
        let name = if index == 0 { name.clone() } else { format!("{name}#{}", index + 1) };
        let path = quote!(::core::concat!(::core::module_path!(), "::", #name));
        Place { kind, private: &private, env: &env, path: &path }.site(args)
    });
    let sites = collect(sites)?;
    let id = id(place, &name);
    let guard = guard(&private, id, &sites);
    Ok(match kind {
        Kind::Handler => handler(func, &private, id, state.as_ref(), &guard),
        Kind::Function => function(func, &private, &guard),
    })
}

/// The static and the keys, in a block of their own: nothing in the function's body can meet their names. The
/// prefix of these and all other names is for the user's constants: a pattern of the same name would mean them.
fn guard(private: &TokenStream, id: u64, sites: &[Site]) -> TokenStream {
    let count = sites.len();
    let statics = sites.iter().map(|site| &site.site);
    let keys = sites.iter().map(|site| match &site.key {
        Some(key) => quote!(::core::option::Option::Some(#key)),
        None => quote!(::core::option::Option::None),
    });
    quote! {
        static __THROTTLE_SITES: [#private::Site; #count] = [#(#statics),*];
        #private::inventory::submit! { #private::Linked { id: #id, sites: &__THROTTLE_SITES } }
        let __throttle_keys = [#(#keys),*];
    }
}

// Input:
//     async fn read(State(db): State<Db>) -> Json<Data> { BODY }
//
// Output:
//     async fn read(__throttle: ThrottleGoesAboveDebugHandler<ID, Without>, State(db): State<Db>) -> Response {
//         match { GUARD; __throttle.enter(&SITES, keys) }.await {
//             Ok(permit) => permit.respond(<Json<Data> as IntoResponse>::into_response(async move { EDGE BODY }.await)),
//             Err(response) => response,
//         }
//     }
fn handler(
    func: &mut Func,
    private: &TokenStream,
    id: u64,
    state: Option<&TokenStream>,
    guard: &TokenStream,
) -> TokenStream {
    let carry = match state {
        Some(state) => quote!(#private::With<#state>),
        None => quote!(#private::Without),
    };
    let hidden = quote_spanned!(Span::mixed_site()=> __throttle);
    let returned = returned(&func.sig.output);
    let convert = quote_spanned!(returned.span()=> <#returned as #private::IntoResponse>::into_response);
    let edge = edge(&returned);
    func.sig
        .inputs
        .insert(0, syn::parse_quote!(#hidden: #private::ThrottleGoesAboveDebugHandler<#id, #carry>));
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
//         if let Err(refused) = { GUARD; enter(&SITES, keys) }.await {
//             return <Result<u32, AppError> as Outcome>::refused(refused);
//         }
//         BODY
//     }
fn function(func: &Func, private: &TokenStream, guard: &TokenStream) -> TokenStream {
    let returned = returned(&func.sig.output);
    let refused = quote_spanned!(returned.span()=> <#returned as #private::Outcome>::refused);
    func.with_body(|statements| {
        quote! {
            if let ::core::result::Result::Err(__throttle) =
                { #guard #private::enter(&__THROTTLE_SITES, __throttle_keys) }.await
            {
                return #refused(__throttle);
            }
            #statements
        }
    })
}

/// An edge out of the body that is never taken: by it the compiler knows the return type, so that `?` and wrong
/// types are reported in the body and not at the attribute.
fn edge(returned: &TokenStream) -> TokenStream {
    let span = Span::call_site().located_at(returned.span());
    quote_spanned! {span=>
        #[allow(unreachable_code)]
        if false {
            let __throttle: #returned = loop {};
            return __throttle;
        }
    }
}

/// The return type as an expression can name it.
fn returned(output: &ReturnType) -> TokenStream {
    match output {
        ReturnType::Default => quote!(()),
        ReturnType::Type(_, ty) if matches!(**ty, Type::Never(_)) => {
            quote_spanned!(ty.span()=> ::core::convert::Infallible)
        }
        ReturnType::Type(_, ty) => nameable(ty.to_token_stream()),
    }
}

/// The state that plug-in functions see: said, or else that of the handler.
fn state<'t>(kind: Kind, func: &'t Func, all: &'t [Args]) -> Result<Option<&'t Type>> {
    let asks = |args: &Args| {
        let settings = [&args.rate, &args.key, &args.cost, &args.on_error, &args.handler, &args.exempt];
        settings.into_iter().flatten().any(|value| !matches!(value, syn::Expr::Lit(_)))
    };
    let said = all.iter().find_map(|args| args.state.as_ref());
    match said {
        Some(said) if !all.iter().any(asks) => {
            Err(Error::new(said.span(), "`state` is what the throttle's functions see, and there are none"))
        }
        Some(said) => Ok(Some(said)),
        None if kind == Kind::Handler && all.iter().any(asks) => func.state(),
        None => Ok(None),
    }
}

/// The private module of the facade, under the name that the facade has here.
fn private_path(all: &[Args]) -> Result<TokenStream> {
    let Some(path) = all.iter().find_map(|args| args.krate.as_ref()) else {
        return Ok(quote!(::throttle::__private));
    };
    let in_crate = |path: &Path| path.segments.first().is_some_and(|segment| segment.ident == "crate");
    if path.leading_colon.is_none() && !in_crate(path) {
        let message =
            format!("the path is absolute: write `crate = ::{}`", quote!(#path).to_string().replace(' ', ""));
        return Err(Error::new(path.span(), message));
    }
    Ok(quote!(#path::__private))
}

/// A number for this function that no other in the program has.
fn id(place: &str, name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (place, name).hash(&mut hasher);
    hasher.finish()
}
