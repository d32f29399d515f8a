//! Passes the bounds of each `impl Trait` in a return type to type inference.
//!
//! The emitted signature returns `Response`, so it does not contain the user's return type. Without the
//! bounds, nothing determines the error type of a body such as `Sse::new(stream.map(Ok))`. A function beside
//! the body has the bounds. An inner function cannot name `Self` or the type parameters of an `impl` block,
//! so it is generic over every type in the bounds. The call can name these types, and passes them.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::{
    AngleBracketedGenericArguments, AssocType, Constraint, GenericArgument, Lifetime, Path, PathArguments,
    ReturnType, Type, TypeParamBound,
};

/// A function that requires the bounds of its argument, and the types that a call passes to it.
pub(crate) struct Opaque {
    parameters: Vec<TokenStream>,
    types: Vec<TokenStream>,
}

/// Whether a type may be unsized. An associated type may, as in `Deref<Target = T::Str>`.
#[derive(Clone, Copy, PartialEq)]
enum Size {
    Known,
    Any,
}

/// Returns the definition of the function and a call of it with `value`, or `None` if the return type has no
/// `impl Trait`.
pub(crate) fn opaque(output: &ReturnType, value: &TokenStream) -> Option<(TokenStream, TokenStream)> {
    let ReturnType::Type(_, ty) = output else { return None };
    if !has_opaque(ty) {
        return None;
    }
    let mut opaque = Opaque { parameters: Vec::new(), types: Vec::new() };
    let argument = opaque.ty(ty, Size::Known);
    let Opaque { parameters, types } = opaque;
    let define = quote!(fn __throttle_returns<#(#parameters),*>(_: &#argument) {});
    Some((define, quote!(__throttle_returns::<#(#types),*>(&#value);)))
}

fn has_opaque(tokens: impl ToTokens) -> bool {
    crate::returned::mentions(tokens.to_token_stream(), &["impl"])
}

impl Opaque {
    /// Returns the type with its parts replaced by generic parameters.
    fn ty(&mut self, ty: &Type, size: Size) -> TokenStream {
        match ty {
            Type::ImplTrait(it) => {
                let bounds = self.bounds(&it.bounds);
                let name = format_ident!("__ThrottleReturned{}", self.parameters.len());
                // Parameters are in the order in which they are added, and the call passes `_` for this one.
                self.parameters.push(quote!(#name: #bounds));
                self.types.push(quote!(_));
                name.into_token_stream()
            }
            Type::Group(group) => self.ty(&group.elem, size),
            Type::Paren(paren) => self.ty(&paren.elem, size),
            ty if is_unsized(ty) => ty.to_token_stream(),
            ty if !has_opaque(ty) && !matches!(ty, Type::Slice(_) | Type::TraitObject(_)) => {
                self.named(ty, size)
            }
            Type::Path(path) => {
                let (qself, path) = (&path.qself, self.path(&path.path));
                // A qualified path names its type in front of the trait's path, and such a type contains no
                // `impl Trait`.
                if qself.is_some() { ty.to_token_stream() } else { path }
            }
            Type::Tuple(tuple) => {
                let elems = tuple.elems.iter().map(|elem| self.ty(elem, Size::Known));
                quote!((#(#elems,)*))
            }
            Type::Array(array) => {
                let (elem, len) = (self.ty(&array.elem, Size::Known), &array.len);
                quote!([#elem; #len])
            }
            Type::Slice(slice) => {
                let elem = self.ty(&slice.elem, Size::Known);
                quote!([#elem])
            }
            Type::Reference(reference) => {
                let (mutability, elem) = (&reference.mutability, self.ty(&reference.elem, size));
                quote!(&#mutability #elem)
            }
            Type::TraitObject(object) => {
                let bounds = self.bounds(&object.bounds);
                quote!(dyn #bounds)
            }
            other => other.to_token_stream(),
        }
    }

    /// Adds a parameter for a type that the call can name.
    fn named(&mut self, ty: &Type, size: Size) -> TokenStream {
        let name = format_ident!("__ThrottleNamed{}", self.parameters.len());
        self.parameters.push(match size {
            Size::Known => name.to_token_stream(),
            Size::Any => quote!(#name: ?::core::marker::Sized),
        });
        self.types.push(ty.to_token_stream());
        name.into_token_stream()
    }

    /// Returns the bounds without their lifetimes, which the argument cannot state.
    fn bounds<'b>(&mut self, bounds: impl IntoIterator<Item = &'b TypeParamBound>) -> TokenStream {
        let bounds = bounds.into_iter().filter_map(|bound| match bound {
            // A bound with lifetimes of its own (`for<'a>`) is not split, because its types mention them.
            TypeParamBound::Trait(bound) if bound.lifetimes.is_some() => Some(bound.to_token_stream()),
            TypeParamBound::Trait(bound) => {
                let (maybe, path) = (&bound.maybe, self.path(&bound.path));
                Some(quote!(#maybe #path))
            }
            _ => None,
        });
        let bounds: Vec<_> = bounds.collect();
        quote!(#(#bounds)+*)
    }

    fn path(&mut self, path: &Path) -> TokenStream {
        let leading = &path.leading_colon;
        let segments = path.segments.iter().map(|segment| {
            let (ident, arguments) = (&segment.ident, self.arguments(&segment.arguments));
            quote!(#ident #arguments)
        });
        let segments: Vec<_> = segments.collect();
        quote!(#leading #(#segments)::*)
    }

    fn arguments(&mut self, arguments: &PathArguments) -> TokenStream {
        match arguments {
            PathArguments::None => TokenStream::new(),
            PathArguments::AngleBracketed(AngleBracketedGenericArguments { args, .. }) => {
                let args: Vec<_> = args.iter().map(|arg| self.argument(arg)).collect();
                quote!(<#(#args),*>)
            }
            PathArguments::Parenthesized(function) => {
                let inputs: Vec<_> =
                    function.inputs.iter().map(|input| self.ty(&input.ty, Size::Known)).collect();
                let output = match &function.output {
                    ReturnType::Default => TokenStream::new(),
                    ReturnType::Type(arrow, ty) => {
                        let ty = self.ty(ty, Size::Known);
                        quote!(#arrow #ty)
                    }
                };
                quote!((#(#inputs),*) #output)
            }
        }
    }

    fn argument(&mut self, argument: &GenericArgument) -> TokenStream {
        match argument {
            GenericArgument::Lifetime(lifetime) => anonymous(lifetime).into_token_stream(),
            GenericArgument::Type(ty) => self.ty(ty, Size::Known),
            GenericArgument::AssocType(AssocType { ident, generics, ty, .. }) => {
                let ty = self.ty(ty, Size::Any);
                quote!(#ident #generics = #ty)
            }
            GenericArgument::Constraint(Constraint { ident, generics, bounds, .. }) => {
                let bounds = self.bounds(bounds);
                quote!(#ident #generics: #bounds)
            }
            other => other.to_token_stream(),
        }
    }
}

/// Replaces a lifetime that the function does not declare by `'_`.
fn anonymous(lifetime: &Lifetime) -> Lifetime {
    if lifetime.ident == "static" { lifetime.clone() } else { Lifetime::new("'_", Span::call_site()) }
}

/// Returns whether a type is unsized, as in `AsRef<str>`, so that no `Sized` parameter can replace it. None
/// of these types mentions a generic parameter.
fn is_unsized(ty: &Type) -> bool {
    let names = ["str", "Path", "OsStr", "CStr"];
    matches!(ty, Type::Path(path) if path.path.segments.last().is_some_and(|last| {
        last.arguments.is_none() && names.iter().any(|name| last.ident == name)
    }))
}
