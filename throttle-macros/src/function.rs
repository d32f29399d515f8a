//! The expansion of `#[throttle_fn]`.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, Result};

use crate::args::Args;
use crate::item::Func;
use crate::returned::returned;
use crate::template::respan;
use crate::{boxed, check};

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
pub(crate) fn function(
    func: &Func,
    all: &[Args],
    private: &TokenStream,
    guard: &TokenStream,
) -> Result<TokenStream> {
    let sig = &func.sig;
    let output = sig.asyncness.is_none().then(|| boxed::output(&sig.output)).flatten();
    let returned = output.map_or_else(|| returned(&sig.output), ToTokens::to_token_stream);
    let refused = match all.iter().find_map(|args| args.error.as_ref()) {
        Some(error) => {
            let here = Span::call_site().located_at(error.span());
            let call_error = respan(quote!(#private::call_error), here);
            quote_spanned!(here=> #call_error(#error, __throttle))
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
