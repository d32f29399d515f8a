//! Keys from a function's arguments, such as `"{org}/{user.id}"`.

use proc_macro2::{Group, Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::{Error, FnArg, LitStr, Pat, Result, Signature};

const NOT_A_PLACEHOLDER: &str =
    "a placeholder names an argument of the function or a field of one: `{id}` or `{user.id}`";

/// Returns the key expression of a template. Each value is a separate part of the key, and the text between
/// the placeholders is ignored. `client` is the expression for `{client}`, or `None` if an argument has that
/// name.
pub(crate) fn key(
    template: &LitStr,
    private: &TokenStream,
    arguments: Option<&[String]>,
    client: Option<&TokenStream>,
) -> Result<TokenStream> {
    let values = placeholders(template, arguments, client)?;
    let span = Span::call_site().located_at(template.span());
    let values = values.iter().map(|value| quote_spanned!(span=> &#value));
    Ok(quote!(#private::Key::of_displayed(&[#(#values),*])))
}

fn placeholders(
    template: &LitStr,
    arguments: Option<&[String]>,
    client: Option<&TokenStream>,
) -> Result<Vec<TokenStream>> {
    let fail = |message: &str| Error::new(template.span(), message);
    let text = template.value();
    let mut values = Vec::new();
    let mut rest = text.as_str();
    while let Some(at) = rest.find(['{', '}']) {
        let (brace, after) = (&rest[at..=at], &rest[at + 1..]);
        if after.starts_with(brace) {
            rest = &after[1..];
        } else if brace == "}" {
            return Err(fail("a `}` without `{` in the key: write `}}` for the character itself"));
        } else {
            let end = after.find('}');
            let end =
                end.ok_or_else(|| fail("a `{` without `}` in the key: write `{{` for the character itself"))?;
            let name = &after[..end];
            match client {
                Some(client) if name.trim() == "client" => values.push(client.clone()),
                _ => {
                    values.push(placeholder(name, template.span()).ok_or_else(|| fail(NOT_A_PLACEHOLDER))?);
                    known(name, arguments).map_err(|message| fail(&message))?;
                }
            }
            rest = &after[end + 1..];
        }
    }
    if values.is_empty() { Err(fail(&without_placeholder(&text))) } else { Ok(values) }
}

/// Returns the error for a template without placeholders, with what to write instead.
fn without_placeholder(text: &str) -> String {
    let text = text.trim();
    let is_call = |name: &str| text.starts_with(name) && text.ends_with(')');
    if ["ip", "global"].contains(&text) || is_call("header(") || is_call("cookie(") {
        return format!(
            "write `key = {text}`, without quotes: a string is a template that contains arguments of the function"
        );
    }
    let header =
        if text.contains('-') { format!(", `key = header(\"{text}\")` for a header") } else { String::new() };
    format!(
        "this key is the same for every call: name an argument in braces, as in \"{{id}}\", or write `key = global`{header}"
    )
}

/// Checks that the first name of a placeholder is an argument of the function.
fn known(placeholder: &str, arguments: Option<&[String]>) -> std::result::Result<(), String> {
    let root = placeholder.trim().split('.').next().unwrap_or_default();
    let root = root.strip_prefix("r#").unwrap_or(root);
    let Some(arguments) = arguments.filter(|arguments| !arguments.iter().any(|name| name == root)) else {
        return Ok(());
    };
    let names: Vec<_> = arguments.iter().map(|name| format!("`{name}`")).collect();
    Err(match names.len() {
        0 => format!("the function has no argument `{root}`: it has no named arguments"),
        1 => format!("the function has no argument `{root}`: its argument is {}", names.join(", ")),
        _ => format!("the function has no argument `{root}`: its arguments are {}", names.join(", ")),
    })
}

/// Returns the names that a function's arguments bind, including `self`. Returns `None` if a macro in a pattern may hide some.
pub(crate) fn argument_names(sig: &Signature) -> Option<Vec<String>> {
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

/// Returns `user.id` as an expression whose names are resolved at the literal's span.
fn placeholder(text: &str, span: Span) -> Option<TokenStream> {
    let is_name = |name: &str| {
        let name = name.strip_prefix("r#").unwrap_or(name);
        name.starts_with(|first: char| first.is_alphabetic() || first == '_')
            && name.chars().all(|character| character.is_alphanumeric() || character == '_')
    };
    let mut names = text.trim().split('.');
    let root = names.next().filter(|name| is_name(name))?;
    let mut fields = names.clone();
    if !fields.all(|field| is_name(field) || field.parse::<u32>().is_ok()) || root == "_" {
        return None;
    }
    text.trim().parse().ok().map(|tokens| respan(tokens, span))
}

/// Returns the same tokens with another span.
pub(crate) fn respan(tokens: TokenStream, span: Span) -> TokenStream {
    let respan_one = |token| {
        let mut token = match token {
            TokenTree::Group(group) => {
                TokenTree::Group(Group::new(group.delimiter(), respan(group.stream(), span)))
            }
            other => other,
        };
        token.set_span(span);
        token
    };
    tokens.into_iter().map(respan_one).collect()
}
