//! The `key` argument.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, Expr, ExprCall, Ident, Lit, Result};

use crate::constant;
use crate::context::Context;
use crate::literal::{literal, not_called};
use crate::template::{self, respan};

impl Context<'_> {
    /// Returns the key as a setting, or else, for a template, the expression that makes the key from the
    /// function's arguments.
    pub(crate) fn key(&self, key: Option<&Expr>) -> Result<(Option<TokenStream>, Option<TokenStream>)> {
        let private = self.private;
        let request = self.kind.has_request();
        let setting = |value: TokenStream| Ok((Some(self.setting("key", &value)), None));
        match key {
            None if request => Ok((None, None)),
            None => setting(quote!(#private::Global)),
            Some(Expr::Path(path)) if path.path.is_ident("global") => setting(quote!(#private::Global)),
            Some(Expr::Path(path)) if path.path.is_ident("ip") && request => setting(quote!(#private::Ip)),
            Some(Expr::Call(call)) if source(call).is_some() && request => {
                self.source(call).and_then(setting)
            }
            Some(key @ (Expr::Path(_) | Expr::Call(_))) if is_source(key) => Err(Error::new(
                key.span(),
                "a function has no request to read the key from: name its arguments, as in \"{id}\", or write `global`",
            )),
            Some(key) => match literal(key) {
                Some(Lit::Str(text)) => {
                    Ok((None, Some(template::key(text, private, self.arguments, self.client)?)))
                }
                Some(other) => Err(Error::new(
                    other.span(),
                    "a key is `ip`, `global`, `header(\"…\")`, `cookie(\"…\")`, a template such as \"{id}\" or an async fn",
                )),
                None => {
                    not_called("key", key)?;
                    setting(quote!(#key))
                }
            },
        }
    }

    /// Expands `header("name")` or `cookie("name")`.
    fn source(&self, call: &ExprCall) -> Result<TokenStream> {
        let private = self.private;
        match (source(call), call.args.first().and_then(literal), call.args.len()) {
            (Some(source), Some(Lit::Str(name)), 1) => {
                constant::name(name)?;
                let name = self.checked("name", name);
                let source = respan(quote!(#private::#source), call.func.span());
                Ok(quote_spanned!(call.func.span()=> #source(#name)))
            }
            _ => {
                let function = call.func.to_token_stream();
                let name = match (call.args.first(), call.args.len()) {
                    (Some(Expr::Path(path)), 1) => path.to_token_stream().to_string().replace('_', "-"),
                    _ => "x-api-key".to_owned(),
                };
                Err(Error::new(
                    call.span(),
                    format!("name one header or cookie in quotes, as in `{function}(\"{name}\")`"),
                ))
            }
        }
    }
}

/// Returns the runtime's type for `header(…)` and `cookie(…)`.
fn source(call: &ExprCall) -> Option<Ident> {
    let Expr::Path(path) = &*call.func else { return None };
    let named =
        |name: &str, source: &str| path.path.is_ident(name).then(|| Ident::new(source, call.func.span()));
    named("header", "Header").or_else(|| named("cookie", "Cookie"))
}

fn is_source(key: &Expr) -> bool {
    match key {
        Expr::Path(path) => path.path.is_ident("ip"),
        Expr::Call(call) => source(call).is_some(),
        _ => false,
    }
}
