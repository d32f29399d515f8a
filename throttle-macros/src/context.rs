//! The context in which the arguments of an attribute are expanded, and the calls that wrap their values.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Ident, LitStr};

use crate::item::Kind;
use crate::template::respan;

/// The context of the generated expressions: the path of the private module, and the environment type of the
/// throttle's functions.
pub(crate) struct Context<'a> {
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

impl Context<'_> {
    /// Returns a setting whose value is a `dyn Resolver`.
    pub(crate) fn setting(&self, role: &str, value: &TokenStream) -> TokenStream {
        let resolver = self.resolver(role, value);
        let role = Ident::new(role, value.span());
        quote_spanned!(value.span()=> #role: #resolver)
    }

    /// Returns a value as `dyn Resolver`. The call has the span of the argument, so that errors point there.
    pub(crate) fn resolver(&self, role: &str, value: &TokenStream) -> TokenStream {
        let (private, env, role) = (self.private, self.env, Ident::new(role, value.span()));
        let setting = quote!(#private::role::setting::<#private::role::#role, _, _, #env>);
        let setting = respan(setting, value.span());
        quote_spanned!(value.span()=> const { &#setting(#value) })
    }

    /// Passes a literal to a `const fn` of the runtime, which checks it at compile time, so that there is
    /// only one grammar.
    pub(crate) fn checked(&self, function: &str, text: &LitStr) -> TokenStream {
        let (private, function) = (self.private, Ident::new(function, text.span()));
        respan(quote!(#private::#function(#text)), text.span())
    }
}
