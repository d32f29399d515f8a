//! The arguments that contain numbers: `rate`, `max_concurrent` and `cost`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, Expr, Lit, Result, UnOp};

use crate::args::Args;
use crate::context::Context;
use crate::literal::{literal, unquoted};
use crate::template::respan;
use crate::{constant, rate};

impl Context<'_> {
    pub(crate) fn rate(&self, rate: &Expr) -> Result<TokenStream> {
        match literal(rate) {
            Some(Lit::Str(text)) => {
                constant::rates(text)?;
                Ok(self.setting("rate", &self.checked("rates", text)))
            }
            Some(Lit::Int(limit)) => Err(Error::new(
                limit.span(),
                format!("a rate is a text with a period: write `rate = \"{}/min\"`", limit.base10_digits()),
            )),
            Some(other) => Err(Error::new(other.span(), "a rate is a text such as \"100/min\"")),
            None if matches!(rate, Expr::Array(_) | Expr::Tuple(_)) => {
                Err(Error::new(rate.span(), "several limits are one text: write `rate = \"10/s, 500/hour\"`"))
            }
            None => Ok(self.setting("rate", &quote!(#rate))),
        }
    }

    pub(crate) fn max_concurrent(&self, limit: &Expr) -> Result<TokenStream> {
        let negative = matches!(limit, Expr::Unary(unary) if matches!(unary.op, UnOp::Neg(_)));
        let wanted = || {
            Error::new(
                limit.span(),
                "`max_concurrent` is a whole number from 1: the number of requests in flight",
            )
        };
        match literal(limit) {
            _ if negative => Err(wanted()),
            Some(Lit::Int(number)) => match number.base10_parse::<u32>() {
                Ok(0) => Err(Error::new(
                    number.span(),
                    "a concurrency limit of 0 rejects every request: write 1 or more",
                )),
                Ok(value) => Ok(quote!(max_concurrent: #value)),
                Err(_) => Err(Error::new(number.span(), "`max_concurrent` fits into 32 bits")),
            },
            Some(_) => Err(wanted()),
            None => {
                let private = self.private;
                let checked =
                    respan(quote!(#private::max_concurrent::<{ __THROTTLE_LIMIT > 0 }>), limit.span());
                Ok(quote_spanned! {limit.span()=>
                    max_concurrent: const { const __THROTTLE_LIMIT: u32 = #limit; #checked(__THROTTLE_LIMIT) }
                })
            }
        }
    }

    pub(crate) fn cost(&self, cost: &Expr, args: &Args) -> Result<TokenStream> {
        let negative = matches!(cost, Expr::Unary(unary) if matches!(unary.op, UnOp::Neg(_)));
        match literal(cost) {
            _ if negative => Err(Error::new(cost.span(), "a cost cannot be negative: write 1 or more")),
            Some(Lit::Int(number)) => match number.base10_parse::<u64>() {
                Ok(0) => Err(Error::new(number.span(), "a cost of 0 charges nothing: write 1 or more")),
                Ok(value) if never_fits(value, args) => Err(Error::new(
                    number.span(),
                    "this cost is above the limit, so the request is always denied: write a lower cost, or a `strategy` with a larger burst",
                )),
                Ok(value) => {
                    let value = respan(quote!(#value), number.span());
                    Ok(self.setting("cost", &self.fitting(&value, args)))
                }
                Err(_) => Err(Error::new(number.span(), "a cost fits into 64 bits")),
            },
            Some(Lit::Str(text)) => Err(Error::new(
                text.span(),
                unquoted("a cost is a whole number or the path of an async fn", "cost", text),
            )),
            Some(other) => {
                Err(Error::new(other.span(), "a cost is a whole number or an async fn that returns one"))
            }
            None => Ok(self.setting("cost", &quote!(#cost))),
        }
    }

    /// Returns a constant cost that the compiler compares with constant limits. A strategy may admit more
    /// than the limit at once, so with a `strategy` the registry compares them.
    fn fitting(&self, cost: &TokenStream, args: &Args) -> TokenStream {
        match (args.rate.as_ref().and_then(literal), &args.strategy) {
            (Some(Lit::Str(rates)), None) => {
                let private = self.private;
                respan(quote!(#private::cost(#cost, #rates)), cost.span())
            }
            _ => cost.clone(),
        }
    }
}

/// Returns whether a literal cost is above a literal limit. A strategy may admit more than the limit at once,
/// so with a `strategy` the registry compares them.
fn never_fits(cost: u64, args: &Args) -> bool {
    match (args.rate.as_ref().and_then(literal), &args.strategy) {
        (Some(Lit::Str(text)), None) => rate::least(&text.value()).is_ok_and(|least| cost > least),
        _ => false,
    }
}
