//! The expansion of `#[throttle]` on an axum handler.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::ReturnType;
use syn::spanned::Spanned;

use crate::item::Func;
use crate::opaque::opaque;
use crate::returned::returned;

// Input:
//     async fn read(State(db): State<Db>) -> Json<Data> { BODY }
//
// Output:
//     async fn read(mut __throttle: OnlyAxumCallsThrottledHandlers<ID, Without>, State(db): State<Db>) -> Response {
//         if let Some(decision) = { GUARD; __throttle.enter(&SITES, keys) } {
//             if let Err(response) = decision.await {
//                 return response;
//             }
//         }
//
//         let mut response = <Json<Data> as IntoResponse>::into_response(async move { EDGE BODY }.await);
//         __throttle.respond(&mut response);
//         response
//     }
pub(crate) fn handler(
    func: &mut Func,
    private: &TokenStream,
    (id, state, handles): (u64, Option<&TokenStream>, Option<&TokenStream>),
    guard: &TokenStream,
) -> TokenStream {
    let handles = handles.map(|handles| quote!(, #handles));
    let needs = match state {
        Some(state) => quote!(#private::WithState<#state>),
        None => quote!(#private::WithoutState),
    };
    let needs = if func.takes_decision() { quote!(#private::TakesDecision<#needs>) } else { needs };
    let needs = if func.passes_request() { quote!(#private::ForwardsRequest<#needs>) } else { needs };
    let hidden = quote_spanned!(Span::mixed_site()=> __throttle);
    let returned = returned(&func.sig.output);
    let convert = quote_spanned!(returned.span()=> <#returned as #private::IntoResponse>::into_response);
    let edge = edge(&returned, &func.sig.output);
    func.sig.inputs.insert(
        0,
        syn::parse_quote!(mut #hidden: #private::OnlyAxumCallsThrottledHandlers<#id, #needs #handles>),
    );
    func.sig.output = syn::parse_quote!(-> #private::Response);
    let body = func.body_of(|statements| quote!(#edge #statements));
    func.with_body(|_| {
        quote! {
            if let ::core::option::Option::Some(__throttle) =
                { #guard #hidden.enter(&__THROTTLE_SITES, __throttle_keys) }
            {
                if let ::core::result::Result::Err(__throttle) = __throttle.await {
                    return __throttle;
                }
            }
            let mut __throttle_response = #convert(async move #body.await);
            #hidden.respond(&mut __throttle_response);
            __throttle_response
        }
    })
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
