//! Converts an argument as written to the expression in the generated static.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, Expr, ExprLit, Ident, Lit, LitStr, Result, UnOp};

use crate::args::Args;
use crate::item::Kind;
use crate::template::respan;
use crate::{above, constant, hint, network, rate};

/// The generated static's part for one attribute, and the expression of a key that is made in the function.
pub(crate) struct Site {
    pub(crate) site: TokenStream,
    pub(crate) key: Option<TokenStream>,
}

/// The context of the generated expressions: the path of the private module, and the environment type of the
/// throttle's functions.
pub(crate) struct Place<'a> {
    pub(crate) kind: Kind,
    pub(crate) private: &'a TokenStream,
    pub(crate) env: &'a TokenStream,
    /// The uid of a site without a `uid`: the path of the function.
    pub(crate) path: &'a TokenStream,
    /// The number that identifies the function.
    pub(crate) id: u64,
    /// The names of the function's arguments, or `None` if a macro may hide some.
    pub(crate) arguments: Option<&'a [String]>,
    /// The expression for `{client}` in a key: the client's address. `None` if an argument has that name.
    pub(crate) client: Option<&'a TokenStream>,
}

impl Place<'_> {
    pub(crate) fn site(&self, args: &Args) -> Result<Site> {
        let (private, id) = (self.private, self.id);
        if let Some(path) = &args.shared {
            let site = quote_spanned!(path.span()=> #private::Site::shared(&#path, #id));
            let cost = args.cost.as_ref().map(|cost| self.cost(cost, args)).transpose()?;
            let cost = cost.map(|cost| {
                // The setting is `cost: value`, and only the value is passed here.
                let value: TokenStream = cost.into_iter().skip(2).collect();
                quote!(.with_cost(#value))
            });
            return Ok(Site { site: quote!(#site #cost), key: None });
        }
        let Args { rate, strategy, class, on_error, only, bypass, .. } = args;
        [rate, strategy, class, on_error, only, bypass]
            .into_iter()
            .flatten()
            .try_for_each(constant::check)?;
        if let (Some(key), Some(_)) = (&args.key, &args.caller) {
            let message = "the `caller` has a key already: leave one of the two out";
            return Err(Error::new(key.span(), message));
        }
        let (key_setting, key) = self.key(args.key.as_ref())?;
        let settings = [
            args.rate.as_ref().map(|rate| self.rate(rate)).transpose()?,
            args.concurrent.as_ref().map(|limit| self.concurrent(limit)).transpose()?,
            args.strategy.as_ref().map(self::strategy).transpose()?,
            key_setting,
            args.cost.as_ref().map(|cost| self.cost(cost, args)).transpose()?,
            args.class.as_ref().map(|class| self.class(class)).transpose()?,
            args.caller.as_ref().map(|caller| self.function("caller", caller)).transpose()?,
            args.backend
                .as_ref()
                .map(|name| filled(name, "backend").map(|name| quote!(backend: #name)))
                .transpose()?,
            args.on_error.as_ref().map(|policy| self.named("on_error", policy)).transpose()?,
            self.handler(args.handler.as_ref())?,
            args.exempt.as_ref().map(|exempt| self.function("exempt", exempt)).transpose()?,
            args.allow.as_ref().map(|list| self.networks("allow", list)).transpose()?,
            args.deny.as_ref().map(|list| self.networks("deny", list)).transpose()?,
            args.only.as_ref().map(|rules| self.rules("only", rules)).transpose()?,
            args.bypass.as_ref().map(|rules| self.rules("bypass", rules)).transpose()?,
            args.headers.as_ref().map(|headers| self.headers(headers)).transpose()?,
            args.dry_run.as_ref().map(|on| quote!(dry_run: #on)),
            args.once_per_request.as_ref().map(|on| quote!(once_per_request: #on)),
            args.charge_when.as_ref().map(|outcome| self.charge_when(outcome)).transpose()?,
            args.degrade.as_ref().map(|on| quote!(degrade: #on)),
        ];
        let settings = settings.into_iter().flatten().map(some);
        let settings = quote!(#private::Settings { #(#settings,)* ..#private::Settings::NONE });
        let site = match &args.uid {
            Some(uid) => {
                let uid = filled(uid, "uid")?;
                quote!(#private::Site::named(#uid, #id, #settings))
            }
            None => {
                let path = self.path;
                quote!(#private::Site::new(#path, #id, #settings))
            }
        };
        let template = key.is_some().then(|| quote!(.with_template()));
        Ok(Site { site: quote!(#site #template), key })
    }

    /// Returns a setting whose value is a `dyn Ask`.
    pub(crate) fn wrapped(&self, role: &str, value: &TokenStream) -> TokenStream {
        let asked = self.asked(role, value);
        let role = Ident::new(role, value.span());
        quote_spanned!(value.span()=> #role: #asked)
    }

    /// Returns a value as `dyn Ask`. The call has the span of the argument, so that errors point there.
    fn asked(&self, role: &str, value: &TokenStream) -> TokenStream {
        let (private, env, role) = (self.private, self.env, Ident::new(role, value.span()));
        let setting = quote!(#private::role::setting::<#private::role::#role, _, _, #env>);
        let setting = respan(setting, value.span());
        quote_spanned!(value.span()=> const { &#setting(#value) })
    }

    fn rate(&self, rate: &Expr) -> Result<TokenStream> {
        match literal(rate) {
            Some(Lit::Str(text)) => {
                constant::rates(text)?;
                Ok(self.wrapped("rate", &self.checked("rates", text)))
            }
            Some(Lit::Int(limit)) => Err(Error::new(
                limit.span(),
                format!("a rate is a text with a period: write `rate = \"{}/min\"`", limit.base10_digits()),
            )),
            Some(other) => Err(Error::new(other.span(), "a rate is a text such as \"100/min\"")),
            None => Ok(self.wrapped("rate", &quote!(#rate))),
        }
    }

    fn concurrent(&self, limit: &Expr) -> Result<TokenStream> {
        let negative = matches!(limit, Expr::Unary(unary) if matches!(unary.op, UnOp::Neg(_)));
        let wanted = || {
            Error::new(limit.span(), "`concurrent` is a whole number from 1: how many are in flight at once")
        };
        match literal(limit) {
            _ if negative => Err(wanted()),
            Some(Lit::Int(number)) => match number.base10_parse::<u32>() {
                Ok(0) => {
                    Err(Error::new(number.span(), "a limit of 0 at once lets nobody in: write 1 or more"))
                }
                Ok(value) => Ok(quote!(concurrent: #value)),
                Err(_) => Err(Error::new(number.span(), "`concurrent` fits into 32 bits")),
            },
            Some(_) => Err(wanted()),
            None => {
                let private = self.private;
                let checked = respan(quote!(#private::concurrent::<{ __THROTTLE_LIMIT > 0 }>), limit.span());
                Ok(quote_spanned! {limit.span()=>
                    concurrent: const { const __THROTTLE_LIMIT: u32 = #limit; #checked(__THROTTLE_LIMIT) }
                })
            }
        }
    }

    /// Passes a literal to a `const fn` of the runtime, which checks it at compile time, so that there is
    /// only one grammar.
    pub(crate) fn checked(&self, function: &str, text: &LitStr) -> TokenStream {
        let (private, function) = (self.private, Ident::new(function, text.span()));
        respan(quote!(#private::#function(#text)), text.span())
    }

    fn cost(&self, cost: &Expr, args: &Args) -> Result<TokenStream> {
        let negative = matches!(cost, Expr::Unary(unary) if matches!(unary.op, UnOp::Neg(_)));
        match literal(cost) {
            _ if negative => Err(Error::new(cost.span(), "a cost cannot be negative: write 1 or more")),
            Some(Lit::Int(number)) => match number.base10_parse::<u64>() {
                Ok(0) => Err(Error::new(number.span(), "a cost of 0 charges nobody: write 1 or more")),
                Ok(value) if never_fits(value, args) => Err(Error::new(
                    number.span(),
                    "this cost is above the limit, so it never fits: lower it, or name a `strategy` that lets more through at once",
                )),
                Ok(value) => {
                    let value = respan(quote!(#value), number.span());
                    Ok(self.wrapped("cost", &self.fitting(&value, args)))
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
            None => Ok(self.wrapped("cost", &quote!(#cost))),
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

    fn class(&self, class: &Expr) -> Result<TokenStream> {
        match literal(class) {
            Some(Lit::Str(name)) => {
                let name = filled(name, "class")?;
                constant::class(name)?;
                Ok(self.wrapped("class", &self.checked("class", name)))
            }
            Some(other) => Err(Error::new(
                other.span(),
                "a class is a name such as \"premium\" or an async fn that returns one",
            )),
            None => Ok(self.wrapped("class", &quote!(#class))),
        }
    }

    /// Expands a policy: a name in quotes, a value, or a function.
    fn named(&self, role: &str, value: &Expr) -> Result<TokenStream> {
        match literal(value) {
            Some(Lit::Str(text)) => {
                constant::on_error(text)?;
                Ok(self.wrapped(role, &self.checked(role, text)))
            }
            _ => match policy_in_words(value) {
                Some(name) => Err(Error::new(
                    value.span(),
                    format!(
                        "a policy is named in quotes: write `{role} = \"{name}\"`; for a function of that name write `self::{name}`"
                    ),
                )),
                None => self.function(role, value),
            },
        }
    }

    fn function(&self, role: &str, value: &Expr) -> Result<TokenStream> {
        match literal(value) {
            Some(Lit::Str(text)) => Err(Error::new(
                text.span(),
                unquoted(&format!("`{role}` is the path of an async fn"), role, text),
            )),
            Some(other) => Err(Error::new(other.span(), format!("`{role}` is the path of an async fn"))),
            None => {
                not_called(role, value)?;
                Ok(self.wrapped(role, &quote!(#value)))
            }
        }
    }

    /// Expands one rule, or several in brackets.
    fn rules(&self, name: &str, rules: &Expr) -> Result<TokenStream> {
        let each: Vec<_> = match rules {
            Expr::Array(array) => array.elems.iter().collect(),
            one => vec![one],
        };
        if each.is_empty() {
            return Err(Error::new(
                rules.span(),
                format!("`{name}` has no rules: write one, or leave it out"),
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
                Ok(self.asked("rule", &self.checked("path", text)))
            }
            Some(other) => Err(Error::new(
                other.span(),
                format!("`{name}` is a path such as \"/api/**\", a `Rule`, or the path of an async fn"),
            )),
            None => Ok(self.asked("rule", &quote!(#rule))),
        }
    }

    /// Expands a list of networks. A list in quotes is checked here.
    fn networks(&self, name: &str, list: &Expr) -> Result<TokenStream> {
        let private = self.private;
        let field = Ident::new(name, list.span());
        match literal(list) {
            Some(Lit::Str(text)) => {
                network::check(text)?;
                Ok(quote_spanned!(text.span()=> #field: #private::Networks::new(#text)))
            }
            Some(other) => Err(Error::new(
                other.span(),
                format!("`{name}` is a list of networks such as \"10.0.0.0/8, 192.0.2.1\", or `Networks`"),
            )),
            None => Ok(quote_spanned!(list.span()=> #field: #list)),
        }
    }

    /// Expands a handler. The handler of a message takes the connection, so the function calls it, and it is
    /// no setting.
    fn handler(&self, handler: Option<&Expr>) -> Result<Option<TokenStream>> {
        let handler = handler.map(|handler| self.function("handler", handler)).transpose()?;
        Ok(handler.filter(|_| self.kind != Kind::Message))
    }

    /// Expands `charge_when`. It is not a `dyn Ask`, because it takes no request. The call has the span of
    /// the argument all the same.
    fn charge_when(&self, outcome: &Expr) -> Result<TokenStream> {
        if let Some(other) = literal(outcome) {
            let message =
                "`charge_when` is the path of a fn of the response, such as `throttle::outcome::failed`";
            return Err(Error::new(other.span(), message));
        }
        let private = self.private;
        let judge = respan(quote!(#private::judge), outcome.span());
        Ok(quote_spanned!(outcome.span()=> charge_when: const { &#judge(#outcome) }))
    }

    fn headers(&self, headers: &Expr) -> Result<TokenStream> {
        match literal(headers) {
            Some(Lit::Str(text)) => {
                constant::headers(text)?;
                let checked = self.checked("headers", text);
                Ok(quote!(headers: #checked))
            }
            _ => Ok(quote!(headers: #headers)),
        }
    }
}

fn strategy(strategy: &Expr) -> Result<TokenStream> {
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

/// Converts `field: value` to `field: Some(value)`.
fn some(setting: TokenStream) -> TokenStream {
    let mut tokens = setting.into_iter();
    let name: TokenStream = tokens.by_ref().take(2).collect();
    let value: TokenStream = tokens.collect();
    quote!(#name ::core::option::Option::Some(#value))
}

/// Returns whether a literal cost is above a literal limit. A strategy may admit more than the limit at once,
/// so with a `strategy` the registry compares them.
fn never_fits(cost: u64, args: &Args) -> bool {
    match (args.rate.as_ref().and_then(literal), &args.strategy) {
        (Some(Lit::Str(text)), None) => rate::least(&text.value()).is_ok_and(|least| cost > least),
        _ => false,
    }
}

/// Returns the error for a number or a path in quotes.
fn unquoted(wanted: &str, name: &str, text: &LitStr) -> String {
    let value = text.value();
    let is_path = !value.is_empty() && value.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | ':'));
    if is_path { format!("{wanted}: write `{name} = {value}`, without quotes") } else { wanted.to_owned() }
}

/// Returns the name of a policy that is written without quotes.
fn policy_in_words(value: &Expr) -> Option<&'static str> {
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
    let message = format!("a function is named and not called: write `{role} = {function}`");
    Err(Error::new(value.span(), message))
}

fn filled<'t>(text: &'t LitStr, name: &str) -> Result<&'t LitStr> {
    if text.value().trim().is_empty() {
        return Err(Error::new(
            text.span(),
            format!("the `{name}` is blank: write a name, or leave the argument out"),
        ));
    }
    Ok(text)
}

pub(crate) const fn literal(value: &Expr) -> Option<&Lit> {
    match value {
        Expr::Lit(ExprLit { lit, .. }) => Some(lit),
        _ => None,
    }
}
