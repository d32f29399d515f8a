//! Functions that return a boxed future, which is how `#[async_trait]` presents a method to the other
//! attributes.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use syn::{GenericArgument, PathArguments, ReturnType, Type, TypeParamBound};

/// Returns the output of the future in a return type such as `Pin<Box<dyn Future<Output = T> + Send>>`.
pub(crate) fn output(output: &ReturnType) -> Option<&Type> {
    match output {
        ReturnType::Default => None,
        ReturnType::Type(_, ty) => output_of(ty),
    }
}

fn output_of(ty: &Type) -> Option<&Type> {
    match ty {
        Type::Group(group) => output_of(&group.elem),
        Type::Paren(paren) => output_of(&paren.elem),
        Type::TraitObject(object) => object.bounds.iter().find_map(of_bound),
        Type::ImplTrait(opaque) => opaque.bounds.iter().find_map(of_bound),
        Type::Path(path) => {
            let last = path.path.segments.last()?;
            let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
            match (&arguments.args.first()?, last.ident == "Pin" || last.ident == "Box") {
                (GenericArgument::Type(inner), true) => output_of(inner),
                _ => None,
            }
        }
        _ => None,
    }
}

fn of_bound(bound: &TypeParamBound) -> Option<&Type> {
    let TypeParamBound::Trait(bound) = bound else { return None };
    let last = bound.path.segments.last().filter(|last| last.ident == "Future")?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::AssocType(output) if output.ident == "Output" => Some(&output.ty),
        _ => None,
    })
}

/// Inserts tokens at the start of the `async` block at the end of the statements. The statements end in
/// `Box::pin(async move { … })` or in the block itself. Otherwise returns `None`.
pub(crate) fn in_front(statements: TokenStream, first: &TokenStream) -> Option<TokenStream> {
    let mut tokens: Vec<_> = statements.into_iter().collect();
    let Some(TokenTree::Group(last)) = tokens.pop() else { return None };
    let stream = match last.delimiter() {
        Delimiter::Parenthesis => in_front(last.stream(), first)?,
        Delimiter::None if tokens.is_empty() => in_front(last.stream(), first)?,
        Delimiter::Brace if is_async(&tokens) => {
            let statements = last.stream();
            quote::quote!(#first #statements)
        }
        _ => return None,
    };
    let mut group = Group::new(last.delimiter(), stream);
    group.set_span(last.span());
    tokens.push(group.into());
    Some(tokens.into_iter().collect())
}

/// Returns whether the tokens end in `async` or `async move`.
fn is_async(tokens: &[TokenTree]) -> bool {
    let word = |token: &TokenTree, word: &str| matches!(token, TokenTree::Ident(ident) if ident == word);
    match tokens {
        [.., before, last] if word(last, "move") => word(before, "async"),
        [.., last] => word(last, "async"),
        [] => false,
    }
}
