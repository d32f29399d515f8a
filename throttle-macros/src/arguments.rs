//! Finds the names that a function's arguments bind.

use syn::ext::IdentExt;
use syn::{FnArg, Pat, Signature};

/// Returns the names, including `self`. Returns `None` if a macro in a pattern may hide some.
pub(crate) fn names(sig: &Signature) -> Option<Vec<String>> {
    let mut names = Vec::new();
    for input in &sig.inputs {
        match input {
            FnArg::Receiver(_) => names.push("self".to_owned()),
            FnArg::Typed(input) => bind(&input.pat, &mut names)?,
        }
    }
    Some(names)
}

fn bind(pattern: &Pat, names: &mut Vec<String>) -> Option<()> {
    match pattern {
        Pat::Ident(ident) => {
            names.push(ident.ident.unraw().to_string());
            ident.subpat.as_ref().map_or(Some(()), |(_, inner)| bind(inner, names))
        }
        Pat::Struct(pattern) => pattern.fields.iter().try_for_each(|field| bind(&field.pat, names)),
        Pat::Tuple(pattern) => pattern.elems.iter().try_for_each(|elem| bind(elem, names)),
        Pat::TupleStruct(pattern) => pattern.elems.iter().try_for_each(|elem| bind(elem, names)),
        Pat::Slice(pattern) => pattern.elems.iter().try_for_each(|elem| bind(elem, names)),
        Pat::Or(pattern) => pattern.cases.first().map_or(Some(()), |case| bind(case, names)),
        Pat::Paren(pattern) => bind(&pattern.pat, names),
        Pat::Reference(pattern) => bind(&pattern.pat, names),
        Pat::Type(pattern) => bind(&pattern.pat, names),
        Pat::Macro(_) | Pat::Verbatim(_) => None,
        _ => Some(()),
    }
}
