//! The expansion of `#[throttle_message]`.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Ident, Pat};

use crate::args::Args;
use crate::item::Func;
use crate::returned::returned;

// Input:
//     #[throttle_message(rate = "60/min", handler = strict)]
//     async fn on_message(socket: &mut Socket, message: Message) -> Result<(), AppError> { BODY }
//
// Output:
//     async fn on_message(socket: &mut Socket, message: Message) -> Result<(), AppError> {
//         if let Err(denial) = { GUARD; decide(socket, &SITES, keys) }.await {
//             return match denial {
//                 Throttled(throttled, 0) => Result::<(), AppError>::handled(strict(throttled, socket).await),
//                 denial => denial.finish::<Result<(), AppError>, _>(socket).await,
//             };
//         }
//         BODY
//     }
pub(crate) fn message(
    func: &Func,
    all: &[Args],
    private: &TokenStream,
    state: Option<&TokenStream>,
    guard: &TokenStream,
) -> TokenStream {
    let socket = socket(func);
    let state = state.map_or_else(|| quote!(_), Clone::clone);
    let returned = returned(&func.sig.output);
    let handled = all.iter().enumerate().filter_map(|(number, args)| {
        let handler = args.handler.as_ref()?;
        let here = Span::call_site().located_at(handler.span());
        let outcome = quote_spanned!(here=> <#returned as #private::ws::Handled<_>>::handled);
        let answer = quote_spanned!(here=> #outcome(#handler(__throttle, #socket).await));
        Some(quote!(#private::ws::Denial::Throttled(__throttle, #number) => #answer,))
    });
    let outcome = quote_spanned!(returned.span()=> __throttle.finish::<#returned, _>(#socket).await);
    func.with_body(|statements| {
        quote! {
            if let ::core::result::Result::Err(__throttle) = {
                #guard
                #private::ws::decide(#private::ws::same::<#state>(#socket), &__THROTTLE_SITES, __throttle_keys)
            }
            .await
            {
                return match __throttle {
                    #(#handled)*
                    __throttle => #outcome,
                };
            }
            #statements
        }
    })
}

/// The connection, at its type: what is wrong with that is said there.
fn socket(func: &Func) -> Option<Ident> {
    let argument = func.socket()?;
    match &*argument.pat {
        Pat::Ident(pattern) => {
            let name = &pattern.ident;
            Some(Ident::new(&name.to_string(), name.span().located_at(argument.ty.span())))
        }
        _ => None,
    }
}
