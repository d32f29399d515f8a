//! Converts the value of an argument, as written, to the expression in the generated static.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, Expr, Ident, Lit, Result};

use crate::context::Context;
use crate::item::Kind;
use crate::literal::{filled, literal, not_called, policy_in_words, unquoted};
use crate::template::respan;
use crate::{above, constant, hint};

impl Context<'_> {
    pub(crate) fn class(&self, class: &Expr) -> Result<TokenStream> {
        match literal(class) {
            Some(Lit::Str(name)) => {
                let name = filled(name, "class")?;
                constant::class(name)?;
                Ok(self.setting("class", &self.checked("class", name)))
            }
            Some(other) => Err(Error::new(
                other.span(),
                "a class is a name such as \"premium\" or an async fn that returns one",
            )),
            None => Ok(self.setting("class", &quote!(#class))),
        }
    }

    /// Expands a policy: a name in quotes, a value, or a function.
    pub(crate) fn named(&self, role: &str, value: &Expr) -> Result<TokenStream> {
        match literal(value) {
            Some(Lit::Str(text)) => {
                constant::on_error(text)?;
                Ok(self.setting(role, &self.checked(role, text)))
            }
            _ => match policy_in_words(value) {
                Some(name) => Err(Error::new(
                    value.span(),
                    format!(
                        "the name of a policy is in quotes: write `{role} = \"{name}\"`; for a function of that name write `self::{name}`"
                    ),
                )),
                None if literal(value).is_some() => Err(Error::new(
                    value.span(),
                    format!(
                        "`{role}` is \"allow\", \"throttle\", \"raise\", a value such as `throttle::retry(3)`, or the path of an async fn"
                    ),
                )),
                None => self.function(role, value),
            },
        }
    }

    pub(crate) fn function(&self, role: &str, value: &Expr) -> Result<TokenStream> {
        match literal(value) {
            Some(Lit::Str(text)) => Err(Error::new(
                text.span(),
                unquoted(&format!("`{role}` is the path of an async fn"), role, text),
            )),
            Some(other) => Err(Error::new(other.span(), format!("`{role}` is the path of an async fn"))),
            None => {
                not_called(role, value)?;
                Ok(self.setting(role, &quote!(#value)))
            }
        }
    }

    /// Expands one rule, or several in brackets.
    pub(crate) fn rules(&self, name: &str, rules: &Expr) -> Result<TokenStream> {
        let each: Vec<_> = match rules {
            Expr::Array(array) => array.elems.iter().collect(),
            one => vec![one],
        };
        if each.is_empty() {
            return Err(Error::new(
                rules.span(),
                format!("`{name}` has no rules: write one, or remove the argument"),
            ));
        }
        let each = each.into_iter().map(|rule| self.rule(name, rule)).collect::<Result<Vec<_>>>()?;
        let name = Ident::new(name, rules.span());
        Ok(quote!(#name: &[#(#each),*]))
    }

    fn rule(&self, name: &str, rule: &Expr) -> Result<TokenStream> {
        match literal(rule) {
            Some(Lit::Str(text)) => {
                constant::pattern(text)?;
                Ok(self.resolver("rule", &self.checked("path", text)))
            }
            Some(other) => Err(Error::new(
                other.span(),
                format!("`{name}` is a path such as \"/api/**\", a `Rule`, or the path of an async fn"),
            )),
            None => Ok(self.resolver("rule", &quote!(#rule))),
        }
    }

    /// Expands a list of networks. A list in quotes is checked here.
    pub(crate) fn networks(&self, name: &str, list: &Expr) -> Result<TokenStream> {
        let private = self.private;
        let field = Ident::new(name, list.span());
        match literal(list) {
            Some(Lit::Str(text)) => {
                constant::networks(text)?;
                Ok(quote_spanned!(text.span()=> #field: #private::Networks::new(#text)))
            }
            None if !matches!(list, Expr::Array(_) | Expr::Tuple(_)) => {
                Ok(quote_spanned!(list.span()=> #field: #list))
            }
            _ => Err(Error::new(
                list.span(),
                format!("`{name}` is a list in one text such as \"10.0.0.0/8, 192.0.2.1\", or `Networks`"),
            )),
        }
    }

    /// Expands a handler. The handler of a message takes the connection, so the function calls it, and it is
    /// no setting.
    pub(crate) fn handler(&self, handler: Option<&Expr>) -> Result<Option<TokenStream>> {
        let handler = handler.map(|handler| self.function("handler", handler)).transpose()?;
        Ok(handler.filter(|_| self.kind != Kind::Message))
    }

    /// Expands `charge_when`. It is not a `dyn Resolver`, because it takes no request. The call has the span
    /// of the argument all the same.
    pub(crate) fn charge_when(&self, outcome: &Expr) -> Result<TokenStream> {
        if let Some(other) = literal(outcome) {
            let message =
                "`charge_when` is the path of a fn of the response, such as `throttle::outcome::failed`";
            return Err(Error::new(other.span(), message));
        }
        not_called("charge_when", outcome)?;
        let private = self.private;
        let predicate = respan(quote!(#private::charge_predicate), outcome.span());
        Ok(quote_spanned!(outcome.span()=> charge_when: const { &#predicate(#outcome) }))
    }

    pub(crate) fn headers(&self, headers: &Expr) -> Result<TokenStream> {
        match literal(headers) {
            Some(Lit::Str(text)) => {
                constant::headers(text)?;
                let checked = self.checked("headers", text);
                Ok(quote!(headers: #checked))
            }
            Some(other) => Err(Error::new(
                other.span(),
                "`headers` is \"draft-11\", \"legacy\", \"off\" or a `Headers` constant",
            )),
            None => Ok(quote!(headers: #headers)),
        }
    }
}

pub(crate) fn strategy(strategy: &Expr) -> Result<TokenStream> {
    match literal(strategy) {
        Some(Lit::Str(text)) => Err(Error::new(text.span(), hint::strategy(&text.value()))),
        Some(other) => Err(Error::new(other.span(), "a strategy is a value such as `Gcra::new().burst(5)`")),
        None => match built_in(strategy) {
            Some(name) if above::is_not_imported(name) => Err(Error::new(
                name.span(),
                format!(
                    "`{name}` is not imported: write `use throttle::strategy::{name};`, or `throttle::strategy::{name}` here"
                ),
            )),
            _ => Ok(quote_spanned!(strategy.span()=> strategy: &(#strategy))),
        },
    }
}

/// Returns the name that an expression begins with, if it is the name of a built-in strategy.
fn built_in(strategy: &Expr) -> Option<&Ident> {
    match strategy {
        Expr::MethodCall(call) => built_in(&call.receiver),
        Expr::Call(call) => built_in(&call.func),
        Expr::Path(path) => {
            let first = path.path.segments.first().filter(|_| path.path.leading_colon.is_none())?;
            hint::STRATEGIES.iter().any(|name| first.ident == name).then_some(&first.ident)
        }
        _ => None,
    }
}
