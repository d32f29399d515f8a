//! Recognizes literals in arguments, and rejects values that are written in the wrong form: in quotes, without
//! quotes, called or blank.

use quote::quote;
use syn::spanned::Spanned;
use syn::{Error, Expr, ExprLit, Ident, Lit, LitStr, Result};

pub(crate) const fn literal(value: &Expr) -> Option<&Lit> {
    match value {
        Expr::Lit(ExprLit { lit, .. }) => Some(lit),
        _ => None,
    }
}

/// Returns the error for a number or a path in quotes.
pub(crate) fn unquoted(wanted: &str, name: &str, text: &LitStr) -> String {
    let value = text.value();
    let is_path = !value.is_empty() && value.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | ':'));
    if is_path { format!("{wanted}: write `{name} = {value}`, without quotes") } else { wanted.to_owned() }
}

/// Returns the name of a policy that is written without quotes.
pub(crate) fn policy_in_words(value: &Expr) -> Option<&'static str> {
    let Expr::Path(path) = value else { return None };
    ["allow", "throttle", "raise"].into_iter().find(|name| path.path.is_ident(name))
}

/// Rejects a function that is called instead of named. Only a call without arguments is certainly meant as a
/// name.
pub(crate) fn not_called(role: &str, value: &Expr) -> Result<()> {
    let Expr::Call(call) = value else { return Ok(()) };
    let Expr::Path(path) = &*call.func else { return Ok(()) };
    // A value for one of these arguments may come from a `const fn`.
    let is_value = matches!(role, "on_error" | "class" | "cost" | "rate");
    let lowercase = |name: &Ident| name.to_string().starts_with(char::is_lowercase);
    if is_value
        || !call.args.is_empty()
        || !path.path.segments.iter().all(|segment| lowercase(&segment.ident))
    {
        return Ok(());
    }
    let function = quote!(#path).to_string().replace(' ', "");
    let message = format!("write the name of the function without a call: `{role} = {function}`");
    Err(Error::new(value.span(), message))
}

pub(crate) fn filled<'t>(text: &'t LitStr, name: &str) -> Result<&'t LitStr> {
    if text.value().trim().is_empty() {
        return Err(Error::new(
            text.span(),
            format!("the `{name}` is blank: write a name, or remove the argument"),
        ));
    }
    Ok(text)
}
