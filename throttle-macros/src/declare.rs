//! The expansion of `#[throttle]` on a static: a throttle that code calls itself.
//!
//! There is no macro `throttle!`, because a macro and an attribute of one module cannot have the same name.
//! With the attribute, there is only one grammar, and rustfmt formats the item.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::spanned::Spanned;
use syn::{Attribute, Error, Expr, Ident, Result, StaticMutability, Token, Type, Visibility};

use crate::args::Args;
use crate::context::Context;
use crate::degrade::without_handler;
use crate::item::Kind;
use crate::paths::{id, private_path};
use crate::template::respan;

/// A static as written. It has no value, because the attribute generates the value.
pub(crate) struct Declared {
    attrs: Vec<Attribute>,
    /// Further attributes of this crate on the static, which are an error.
    siblings: Vec<Attribute>,
    vis: Visibility,
    mutability: StaticMutability,
    ident: Ident,
    ty: Type,
    value: Option<Expr>,
}

impl Parse for Declared {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let (siblings, attrs) = input.call(Attribute::parse_outer)?.into_iter().partition(is_ours);
        let vis = input.parse()?;
        input.parse::<Token![static]>()?;
        let (mutability, ident) = (input.parse()?, input.parse()?);
        input.parse::<Token![:]>()?;
        let ty = input.parse()?;
        let value = input.parse::<Option<Token![=]>>()?.map(|_| input.parse()).transpose()?;
        input.parse::<Token![;]>()?;
        Ok(Self { attrs, siblings, vis, mutability, ident, ty, value })
    }
}

fn is_ours(attr: &Attribute) -> bool {
    let last = attr.path().segments.last();
    last.is_some_and(|last| Kind::ALL.iter().any(|kind| last.ident == kind.name()))
}

pub(crate) fn is_static(item: &TokenStream) -> bool {
    let looks = |input: ParseStream<'_>| {
        input.call(Attribute::parse_outer)?;
        input.parse::<Visibility>()?;
        let is = input.peek(Token![static]);
        input.parse::<TokenStream>().map(|_| is)
    };
    looks.parse2(item.clone()).unwrap_or(false)
}

/// Expands the attribute on a static. On an error it still emits a static, so that uses of the static do not
/// fail to compile as well.
pub(crate) fn declare(kind: Kind, args: TokenStream, mut declared: Declared, place: &str) -> TokenStream {
    let parsed = Args::parse(args, Span::call_site());
    let expanded = parsed.and_then(|args| {
        check(kind, &declared, &args)?;
        expand(&declared, &args, place)
    });
    expanded.unwrap_or_else(|error| {
        let (error, private) = (error.to_compile_error(), quote!(::throttle::__private));
        let nothing = quote!(#private::Site::new("", 0, #private::Settings::NONE));
        if !declared.is_of_our_type() {
            declared.ty = syn::parse_quote!(#private::StaticThrottle);
        }
        let declared = declared.with(&private, &nothing);
        quote!(#error #declared)
    })
}

fn check(kind: Kind, declared: &Declared, args: &Args) -> Result<()> {
    let fail = |span, message: &str| Err(Error::new(span, message));
    if kind != Kind::Handler {
        let name = kind.name();
        return fail(
            Span::call_site(),
            &format!("`#[{name}]` goes on an async fn: a static has `#[throttle]`"),
        );
    }
    if let StaticMutability::Mut(token) = &declared.mutability {
        return fail(token.span, "the static of a throttle is not mutable: remove `mut`");
    }
    if let Some(value) = &declared.value {
        return fail(value.span(), "the attribute sets the value of the static: write `;` after its type");
    }
    if !declared.is_of_our_type() {
        return fail(
            declared.ty.span(),
            "the type of a static with `#[throttle]` is `throttle::StaticThrottle`",
        );
    }
    if let Some(second) = declared.siblings.first() {
        return fail(
            second.path().span(),
            "a static is one throttle: write several limits in one `rate`, as in \"10/s, 500/hour\"",
        );
    }
    if let Some(path) = &args.shared {
        return fail(path.span(), "a static has its own limits: use the other static instead");
    }
    if let Some(state) = &args.state {
        return fail(
            state.span(),
            "`state` is for handlers, and a static has no router: write functions that take `Extension<App>`, and add `.layer(Extension(app))` to the router",
        );
    }
    if let Some(error) = &args.error {
        return fail(error.span(), "`error` belongs to `#[throttle_fn]`: `hit` returns the decision");
    }
    without_handler(args)
}

// Input:
//     #[throttle(rate = "10/hour")]
//     pub static EXPORTS: StaticThrottle;
//
// Output:
//     pub static EXPORTS: StaticThrottle = StaticThrottle::new(SITE);
//     const _: () = { inventory::submit! { Linked::of(&EXPORTS) } };
fn expand(declared: &Declared, args: &Args, place: &str) -> Result<TokenStream> {
    let name = declared.ident.unraw().to_string();
    let private = private_path(std::slice::from_ref(args))?;
    let env = quote!(#private::Web<()>);
    let path = quote!(::core::concat!(::core::module_path!(), "::", #name));
    let id = id(place, &name);
    let site = Context {
        kind: Kind::Handler,
        private: &private,
        env: &env,
        path: &path,
        id,
        arguments: None,
        client: None,
    }
    .site(args)?;
    if site.key.is_some() {
        let message = "a template uses a function's arguments, and a static has none: pass the key to `hit`";
        return Err(Error::new(args.key.span(), message));
    }
    let cfgs = declared.attrs.iter().filter(|attr| attr.path().is_ident("cfg"));
    let (ident, item) = (&declared.ident, declared.with(&private, &site.site));
    Ok(quote! {
        #item
        #(#cfgs)*
        const _: () = { #private::inventory::submit! { #private::LinkedSites::of(&#ident) } };
    })
}

impl Declared {
    /// Returns whether the type is `StaticThrottle`, judged by its name. Two generated items depend on the type, and
    /// each would report a wrong type as an error of its own.
    fn is_of_our_type(&self) -> bool {
        matches!(&self.ty, Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "StaticThrottle"))
    }

    /// Returns the static with its value. The value has the span of the type, so that type errors point
    /// there.
    fn with(&self, private: &TokenStream, site: &TokenStream) -> TokenStream {
        let Self { attrs, vis, ident, ty, .. } = self;
        let new = respan(quote!(#private::StaticThrottle::new), ty.span());
        let value = quote_spanned!(ty.span()=> #new(#site));
        quote!(#(#attrs)* #vis static #ident: #ty = #value;)
    }
}
