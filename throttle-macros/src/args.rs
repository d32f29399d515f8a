//! Parses the arguments of an attribute: each at most once, in any order.

use proc_macro2::{Span, TokenStream};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::{Error, Expr, Ident, Lit, LitBool, LitStr, Path, Result, Token, Type};

use crate::hint::hint;

/// The arguments of one attribute, as written.
#[derive(Default)]
pub(crate) struct Args {
    /// The static whose throttle the function uses. The static then has all other arguments, except those
    /// that concern a single use.
    pub(crate) shared: Option<Path>,
    pub(crate) uid: Option<LitStr>,
    pub(crate) rate: Option<Expr>,
    pub(crate) max_concurrent: Option<Expr>,
    pub(crate) strategy: Option<Expr>,
    pub(crate) key: Option<Expr>,
    pub(crate) cost: Option<Expr>,
    pub(crate) class: Option<Expr>,
    pub(crate) caller: Option<Expr>,
    pub(crate) backend: Option<LitStr>,
    pub(crate) on_error: Option<Expr>,
    pub(crate) handler: Option<Expr>,
    pub(crate) exempt: Option<Expr>,
    pub(crate) allow: Option<Expr>,
    pub(crate) deny: Option<Expr>,
    pub(crate) only: Option<Expr>,
    pub(crate) bypass: Option<Expr>,
    pub(crate) headers: Option<Expr>,
    pub(crate) dry_run: Option<LitBool>,
    pub(crate) once_per_request: Option<LitBool>,
    pub(crate) charge_when: Option<Expr>,
    pub(crate) degrade: Option<LitBool>,
    /// The function that makes the error of a call that did not run (`#[throttle_fn]` only).
    pub(crate) error: Option<Expr>,
    pub(crate) state: Option<Type>,
    pub(crate) krate: Option<Path>,
}

impl Args {
    /// Parses the tokens between the attribute's parentheses. Fails if neither `rate`, `max_concurrent` nor a
    /// static is given.
    pub(crate) fn parse(tokens: TokenStream, attribute: Span) -> Result<Self> {
        let args = Self::read.parse2(tokens)?;
        if args.rate.is_none() && args.shared.is_none() && args.max_concurrent.is_none() {
            let message = "`rate` is missing: write `rate = \"100/min\"`, or `max_concurrent = 10` to limit only the \
                           requests in flight";
            return Err(Error::new(attribute, message));
        }
        Ok(args)
    }

    fn read(input: ParseStream<'_>) -> Result<Self> {
        let mut args = Self::default();
        if input.peek(Lit) {
            let rate: Lit = input.parse()?;
            let text =
                if let Lit::Str(text) = &rate { text.token().to_string() } else { "\"100/min\"".to_owned() };
            return Err(Error::new(rate.span(), format!("arguments have names: write `rate = {text}`")));
        }
        args.shared = shared(input)?;
        while !input.is_empty() {
            let name = name(input)?;
            if let Some(message) = args.shared.as_ref().and_then(|_| belongs_to_the_static(&name.to_string()))
            {
                return Err(Error::new(name.span(), message));
            }
            args.argument(&name, input)?;
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(args)
    }
}

/// The only list of argument names, each with the field that stores the argument.
macro_rules! arguments {
    ($($text:literal => $field:ident,)*) => {
        impl Args {
            /// The names of all arguments, in the order of the documentation.
            pub(crate) const NAMES: &[&str] = &[$($text),*];

            fn argument(&mut self, name: &Ident, input: ParseStream<'_>) -> Result<()> {
                match name.to_string().as_str() {
                    $( $text => once(&mut self.$field, name, input), )*
                    unknown => Err(unknown_argument(name, unknown, input)),
                }
            }
        }
    };
}

arguments! {
    "rate" => rate,
    "max_concurrent" => max_concurrent,
    "uid" => uid,
    "strategy" => strategy,
    "key" => key,
    "cost" => cost,
    "class" => class,
    "caller" => caller,
    "backend" => backend,
    "on_error" => on_error,
    "handler" => handler,
    "exempt" => exempt,
    "allow" => allow,
    "deny" => deny,
    "only" => only,
    "bypass" => bypass,
    "headers" => headers,
    "dry_run" => dry_run,
    "once_per_request" => once_per_request,
    "charge_when" => charge_when,
    "degrade" => degrade,
    "error" => error,
    "state" => state,
    "crate" => krate,
}

/// Parses the name of an argument.
fn name(input: ParseStream<'_>) -> Result<Ident> {
    if input.peek(Token![&]) {
        return Err(input.error("the name of a static has no `&` in front of it: write `#[throttle(API)]`"));
    }
    let name = input.call(Ident::parse_any).map_err(|error| {
        Error::new(error.span(), "the name of an argument is missing here, as in `rate = \"100/min\"`")
    })?;
    let mut text = name.to_string();
    while input.peek(Token![-]) && input.peek2(Ident::peek_any) {
        input.parse::<Token![-]>()?;
        text = format!("{text}_{}", input.call(Ident::parse_any)?);
    }
    if name != text {
        let message = format!("the names of arguments have `_` and no `-`: write `{text}`");
        return Err(Error::new(name.span(), message));
    }
    Ok(name)
}

/// Returns why an argument is not allowed beside a static, or `None` if it is allowed or unknown.
fn belongs_to_the_static(name: &str) -> Option<String> {
    match name {
        "cost" | "state" | "crate" => None,
        "rate" | "max_concurrent" | "strategy" | "key" | "class" | "caller" | "backend" | "uid" => {
            Some(format!(
                "`{name}` would give this use a separate quota, but all uses of the static share one quota: set it on the static; a use can only set its own `cost`"
            ))
        }
        name if Args::NAMES.contains(&name) => Some(format!(
            "`{name}` applies to all uses of the static: set it on the static; a use can only set its own `cost`"
        )),
        _ => None,
    }
}

/// Parses the path of a static. Its last name has no lowercase letter, which distinguishes it from the name
/// of an argument.
fn shared(input: ParseStream<'_>) -> Result<Option<Path>> {
    let ahead = input.fork();
    let path = ahead.parse::<Path>().ok().filter(|_| ahead.is_empty() || ahead.peek(Token![,]));
    let is_static = |path: &Path| {
        path.segments.last().is_some_and(|last| !last.ident.to_string().contains(char::is_lowercase))
    };
    if !path.as_ref().is_some_and(is_static) {
        return Ok(None);
    }
    let path = input.parse()?;
    if !input.is_empty() {
        input.parse::<Token![,]>()?;
    }
    Ok(Some(path))
}

/// A type that an argument's value can be parsed as.
trait Value: Parse {
    /// Returns what to write instead, if the parser's own message would not help.
    fn wanted(_name: &Ident, _found: &str) -> Option<String> {
        None
    }

    /// Returns the value of an argument that is written without a value.
    fn implied(_: &Ident) -> Option<Self> {
        None
    }

    /// Removes the invisible group around a fragment that a `macro_rules!` macro passed on.
    fn bare(self) -> Self {
        self
    }
}

impl Value for Expr {
    fn bare(self) -> Self {
        match self {
            Self::Group(group) => group.expr.bare(),
            bare => bare,
        }
    }
}

impl Value for Path {
    fn wanted(name: &Ident, _: &str) -> Option<String> {
        Some(format!("`{name}` is a path without quotes: write `{name} = ::throttle`"))
    }
}

impl Value for Type {
    fn wanted(name: &Ident, _: &str) -> Option<String> {
        Some(format!("`{name}` is the type of the router's state: write `{name} = App`"))
    }
}

impl Value for LitBool {
    fn wanted(name: &Ident, _: &str) -> Option<String> {
        Some(format!("`{name}` is `true` or `false`, without quotes"))
    }

    fn implied(name: &Ident) -> Option<Self> {
        Some(Self::new(true, name.span()))
    }
}

impl Value for LitStr {
    fn wanted(name: &Ident, found: &str) -> Option<String> {
        let is_word = !found.is_empty() && found.chars().all(|c| c.is_alphanumeric() || c == '_');
        let example = if is_word { found } else { "a_name" };
        Some(format!("`{name}` is a name in quotes: write `{name} = \"{example}\"`"))
    }
}

fn once<T: Value>(field: &mut Option<T>, name: &Ident, input: ParseStream<'_>) -> Result<()> {
    if field.is_some() {
        return Err(Error::new(name.span(), format!("`{name}` is set twice: remove one")));
    }
    if input.peek(Token![==]) || input.peek(Token![:]) {
        return Err(input.error(format!("write one `=` after the name: `{name} = …`")));
    }
    if !input.peek(Token![=]) {
        *field = T::implied(name);
        if field.is_some() {
            return Ok(());
        }
        return Err(no_value(name));
    }
    input.parse::<Token![=]>()?;
    if input.is_empty() || input.peek(Token![,]) {
        return Err(no_value(name));
    }
    let found = input.cursor().token_stream().into_iter().next().map(|token| token.to_string());
    let value = input.parse().map_err(|error| match T::wanted(name, &found.unwrap_or_default()) {
        Some(wanted) => Error::new(error.span(), wanted),
        None => error,
    });
    *field = Some(T::bare(value?));
    Ok(())
}

fn no_value(name: &Ident) -> Error {
    Error::new(name.span(), format!("`{name}` has no value: write `{name} = …`"))
}

fn unknown_argument(name: &Ident, unknown: &str, input: ParseStream<'_>) -> Error {
    let known: Vec<_> = Args::NAMES.iter().map(|name| format!("`{name}`")).collect();
    let is_alone = input.is_empty() || input.peek(Token![,]);
    let hint = match hint(unknown, Args::NAMES) {
        hint if is_alone && hint.is_empty() => {
            if unknown.contains(char::is_lowercase) {
                ": the name of a static has no lowercase letters, as in `#[throttle(API)]`".to_owned()
            } else {
                format!(
                    ": one attribute uses one static, as its first argument: write `#[throttle({unknown})]`"
                )
            }
        }
        hint => hint,
    };
    Error::new(
        name.span(),
        format!("unknown argument `{unknown}`{hint}\nthe arguments are {}", known.join(", ")),
    )
}
