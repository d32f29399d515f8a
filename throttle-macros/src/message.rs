//! The expansion of `#[throttle_message]`.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Ident, Pat};

use crate::args::Args;
use crate::item::Func;
use crate::returned::returned;
use crate::template::respan;

// Input:
//     #[throttle_message(rate = "60/min", handler = strict)]
//     async fn on_message(socket: &mut Socket, message: Message) -> Result<(), AppError> { BODY }
//
// Output:
//     async fn on_message(socket: &mut Socket, message: Message) -> Result<(), AppError> {
//         {
//             let it = same(socket);
//             if let Err(denial) = { GUARD; decide(it, &SITES, keys) }.await {
//                 return match denial {
//                     Throttled(throttled, 0) => { let answer = strict(throttled, it).await; handled(it, answer).await }
//                     denial => denial.finish(it).await,
//                 };
//             }
//         }
//         BODY
//     }
//
// The body returns the outcome directly, so that the return type is not written again: a wrong type is then
// reported once.
pub(crate) fn message(
    func: &Func,
    all: &[Args],
    private: &TokenStream,
    state: Option<&TokenStream>,
    guard: &TokenStream,
) -> TokenStream {
    let socket = socket(func);
    let state = state.map_or_else(|| quote!(_), Clone::clone);
    let handled = all.iter().enumerate().filter_map(|(number, args)| {
        let handler = args.handler.as_ref()?;
        let here = Span::call_site().located_at(handler.span());
        let answer = quote_spanned!(here=> #handler(__throttle, __throttle_socket).await);
        // A handler with a wrong type is reported where the handler is named.
        let at_handler = respan(private.clone(), here);
        let outcome = quote_spanned! {here=> {
            let __throttle = #answer;
            #at_handler::ws::handled(__throttle_socket, __throttle).await
        }};
        Some(quote!(#private::ws::Denial::Throttled(__throttle, #number) => #outcome,))
    });
    let at_type = Span::call_site().located_at(returned(&func.sig.output).span());
    let outcome = quote_spanned!(at_type=> __throttle.finish(__throttle_socket).await);
    func.with_body(|statements| {
        quote! {
            {
                let __throttle_socket = #private::ws::same::<#state>(#socket);
                if let ::core::result::Result::Err(__throttle) = {
                    #guard
                    #private::ws::decide(__throttle_socket, &__THROTTLE_SITES, __throttle_keys)
                }
                .await
                {
                    return match __throttle {
                        #(#handled)*
                        __throttle => #outcome,
                    };
                }
            }
            #statements
        }
    })
}

/// Returns the connection's name with the span of its type, so that type errors point there.
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
