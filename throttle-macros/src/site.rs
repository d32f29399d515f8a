//! The site of one attribute in the generated static.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, Path, Result};

use crate::args::Args;
use crate::constant;
use crate::context::Context;
use crate::literal::filled;
use crate::values::strategy;

/// The generated static's part for one attribute, and the expression of a key that is made in the function.
pub(crate) struct Site {
    pub(crate) site: TokenStream,
    pub(crate) key: Option<TokenStream>,
}

impl Context<'_> {
    /// Expands an attribute to its site.
    pub(crate) fn site(&self, args: &Args) -> Result<Site> {
        if let Some(path) = &args.shared {
            return self.use_of_static(path, args);
        }
        let Args { rate, strategy, class, on_error, only, bypass, .. } = args;
        [rate, strategy, class, on_error, only, bypass]
            .into_iter()
            .flatten()
            .try_for_each(constant::check)?;
        if let (Some(key), Some(_)) = (&args.key, &args.caller) {
            let message = "the `caller` already returns a key: remove one of the two";
            return Err(Error::new(key.span(), message));
        }
        let (private, id) = (self.private, self.id);
        let (key_setting, key) = self.key(args.key.as_ref())?;
        let settings = self.settings(args, key_setting)?;
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

    /// Expands the use of a throttle that a static declares.
    fn use_of_static(&self, path: &Path, args: &Args) -> Result<Site> {
        let (private, id) = (self.private, self.id);
        let site = quote_spanned!(path.span()=> #private::Site::shared(&#path, #id));
        let cost = args.cost.as_ref().map(|cost| self.cost(cost, args)).transpose()?;
        let cost = cost.map(|cost| {
            // The setting is `cost: value`, and only the value is passed here.
            let value: TokenStream = cost.into_iter().skip(2).collect();
            quote!(.with_cost(#value))
        });
        Ok(Site { site: quote!(#site #cost), key: None })
    }

    /// Expands the settings that the attribute contains.
    fn settings(&self, args: &Args, key: Option<TokenStream>) -> Result<TokenStream> {
        let private = self.private;
        let settings = [
            args.rate.as_ref().map(|rate| self.rate(rate)).transpose()?,
            args.max_concurrent.as_ref().map(|limit| self.max_concurrent(limit)).transpose()?,
            args.strategy.as_ref().map(strategy).transpose()?,
            key,
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
        Ok(quote!(#private::Settings { #(#settings,)* ..#private::Settings::NONE }))
    }
}

/// Converts `field: value` to `field: Some(value)`.
fn some(setting: TokenStream) -> TokenStream {
    let mut tokens = setting.into_iter();
    let name: TokenStream = tokens.by_ref().take(2).collect();
    let value: TokenStream = tokens.collect();
    quote!(#name ::core::option::Option::Some(#value))
}
