//! The arguments of an attribute: their names, each at most once, in any order.

use proc_macro2::{Span, TokenStream};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::{Error, Expr, Ident, LitBool, LitStr, Path, Result, Token, Type};

/// The arguments of one attribute, as they were written.
#[derive(Default)]
pub(crate) struct Args {
    /// The static whose throttle it is; the static has all arguments then.
    pub(crate) shared: Option<Path>,
    pub(crate) uid: Option<LitStr>,
    pub(crate) rate: Option<Expr>,
    pub(crate) concurrent: Option<Expr>,
    pub(crate) strategy: Option<Expr>,
    pub(crate) key: Option<Expr>,
    pub(crate) cost: Option<Expr>,
    pub(crate) class: Option<Expr>,
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
    pub(crate) charge_when: Option<Expr>,
    pub(crate) degrade: Option<LitBool>,
    pub(crate) state: Option<Type>,
    pub(crate) krate: Option<Path>,
}

impl Args {
    /// Parses the text between the attribute's parentheses.
    pub(crate) fn parse(tokens: TokenStream, attribute: Span) -> Result<Self> {
        let args = Self::read.parse2(tokens)?;
        if args.rate.is_none() && args.shared.is_none() && args.concurrent.is_none() {
            let message = "`rate` is missing: write `rate = \"100/min\"`, or `concurrent = 10` to limit only how many \
                           are in flight at once";
            return Err(Error::new(attribute, message));
        }
        Ok(args)
    }

    fn read(input: ParseStream<'_>) -> Result<Self> {
        let mut args = Self::default();
        if input.peek(LitStr) {
            let rate: LitStr = input.parse()?;
            let message = format!("arguments have names: write `rate = {}`", rate.token());
            return Err(Error::new(rate.span(), message));
        }
        args.shared = shared(input)?;
        while !input.is_empty() {
            let name = input.call(Ident::parse_any)?;
            if args.shared.is_some() && name != "crate" {
                let message = format!("what holds stands at the static: say `{name}` there");
                return Err(Error::new(name.span(), message));
            }
            args.argument(&name, input)?;
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(args)
    }

    /// The one list of names: what each is parsed as.
    fn argument(&mut self, name: &Ident, input: ParseStream<'_>) -> Result<()> {
        macro_rules! arguments {
            ($($text:literal => $field:ident,)*) => {
                match name.to_string().as_str() {
                    $( $text => once(&mut self.$field, name, input), )*
                    unknown => Err(unknown_argument(name, unknown, &[$($text),*])),
                }
            };
        }
        arguments! {
            "uid" => uid,
            "rate" => rate,
            "concurrent" => concurrent,
            "strategy" => strategy,
            "key" => key,
            "cost" => cost,
            "class" => class,
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
            "charge_when" => charge_when,
            "degrade" => degrade,
            "state" => state,
            "crate" => krate,
        }
    }
}

/// The path of a static, told from the name of an argument by its capitals.
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

/// What an argument is parsed as.
trait Value: Parse {
    /// What to write, where the parser's own words would not help.
    const WANTED: Option<&'static str> = None;

    /// What the name alone stands for.
    fn implied(_: &Ident) -> Option<Self> {
        None
    }

    /// Without the invisible group around what a `macro_rules!` macro passed on.
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

impl Value for Path {}
impl Value for Type {}

impl Value for LitBool {
    const WANTED: Option<&'static str> = Some("`true` or `false`");

    fn implied(name: &Ident) -> Option<Self> {
        Some(Self::new(true, name.span()))
    }
}

impl Value for LitStr {
    const WANTED: Option<&'static str> = Some("a name in quotes");
}

fn once<T: Value>(field: &mut Option<T>, name: &Ident, input: ParseStream<'_>) -> Result<()> {
    if field.is_some() {
        return Err(Error::new(name.span(), format!("`{name}` is there twice: keep one")));
    }
    if !input.peek(Token![=]) {
        *field = T::implied(name);
        if field.is_some() {
            return Ok(());
        }
        return Err(Error::new(name.span(), format!("`{name}` has no value: write `{name} = …`")));
    }
    input.parse::<Token![=]>()?;
    let value = input.parse().map_err(|error| match T::WANTED {
        Some(wanted) => Error::new(error.span(), format!("`{name}` is {wanted}")),
        None => error,
    });
    *field = Some(T::bare(value?));
    Ok(())
}

fn unknown_argument(name: &Ident, unknown: &str, known: &[&str]) -> Error {
    let near = known.iter().max_by(|a, b| strsim::jaro(a, unknown).total_cmp(&strsim::jaro(b, unknown)));
    let guess = near.filter(|near| strsim::jaro(near, unknown) > 0.75);
    let guess = guess.map_or(String::new(), |near| format!(", did you mean `{near}`?"));
    let known: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
    Error::new(
        name.span(),
        format!("unknown argument `{unknown}`{guess}\nthe arguments are {}", known.join(", ")),
    )
}
