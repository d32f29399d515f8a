//! The path of the private module and a function's number. Alone because functions and statics expand to both.

use std::hash::{DefaultHasher, Hash, Hasher};

use proc_macro2::TokenStream;
use quote::quote;
use syn::spanned::Spanned;
use syn::{Error, Path, Result};

use crate::args::Args;

/// Returns the path of the facade's private module, from the `crate` argument or `::throttle`.
pub(crate) fn private_path(all: &[Args]) -> Result<TokenStream> {
    let Some(path) = all.iter().find_map(|args| args.krate.as_ref()) else {
        return Ok(quote!(::throttle::__private));
    };
    let in_crate = |path: &Path| path.segments.first().is_some_and(|segment| segment.ident == "crate");
    if path.leading_colon.is_none() && !in_crate(path) {
        let message =
            format!("the path is absolute: write `crate = ::{}`", quote!(#path).to_string().replace(' ', ""));
        return Err(Error::new(path.span(), message));
    }
    Ok(quote!(#path::__private))
}

/// Returns a number that identifies this function in the program.
pub(crate) fn id(place: &str, name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (place, name).hash(&mut hasher);
    hasher.finish()
}
