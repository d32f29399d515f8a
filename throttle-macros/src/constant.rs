//! Reports mistakes in literals at the literal's token, in plain words. The compiler's error for a failed
//! `const` evaluation is harder to read.

use std::net::IpAddr;

use syn::{Error, Expr, ExprCall, ExprMethodCall, Lit, LitStr, Path, Result};

use crate::literal::literal;
use crate::rate;

/// Searches the expression of an argument for constructors of this library with a literal that they reject.
pub(crate) fn check(value: &Expr) -> Result<()> {
    match value {
        Expr::Call(call) => {
            constructor(call)?;
            call.args.iter().try_for_each(check)
        }
        Expr::MethodCall(call) => {
            method(call)?;
            check(&call.receiver)?;
            call.args.iter().try_for_each(check)
        }
        Expr::Array(array) => array.elems.iter().try_for_each(check),
        Expr::Group(group) => check(&group.expr),
        Expr::Paren(paren) => check(&paren.expr),
        Expr::Reference(reference) => check(&reference.expr),
        _ => Ok(()),
    }
}

fn constructor(call: &ExprCall) -> Result<()> {
    let (Expr::Path(path), Some(first)) = (&*call.func, call.args.first().and_then(literal)) else {
        return Ok(());
    };
    let is = |owner: &str, name: &str| ends_with(&path.path, owner, name);
    match first {
        Lit::Str(text) if is("Rule", "path") => pattern(text),
        Lit::Str(text) if is("Class", "new") => class(text),
        Lit::Str(text) if path.path.is_ident("fallback") || path.path.is_ident("failover") => {
            let blank = "the name of the fallback is blank: write the name of a backend";
            refuse(text, text.value().trim().is_empty(), blank)
        }
        Lit::Int(_)
            if zero(first)
                && ["per_second", "per_minute", "per_hour", "per_day"].iter().any(|per| is("Rate", per)) =>
        {
            Err(Error::new(
                first.span(),
                "a limit of 0 rejects every request: write at least 1, or `Rate::UNLIMITED` for no limit",
            ))
        }
        _ => Ok(()),
    }
}

fn method(call: &ExprMethodCall) -> Result<()> {
    let Some(first) = call.args.first().and_then(literal).filter(|first| zero(first)) else { return Ok(()) };
    let message = match call.method.to_string().as_str() {
        "burst" => "a burst of 0 rejects every request: write at least 1",
        "size" => "a queue of size 0 rejects every request: write at least 1",
        _ => return Ok(()),
    };
    Err(Error::new(first.span(), message))
}

fn zero(value: &Lit) -> bool {
    matches!(value, Lit::Int(number) if number.base10_parse::<u64>().is_ok_and(|number| number == 0))
}

/// Returns whether a path names an associated function, judged by its last two segments.
fn ends_with(path: &Path, owner: &str, name: &str) -> bool {
    let mut segments = path.segments.iter().rev();
    segments.next().is_some_and(|last| last.ident == name)
        && segments.next().is_some_and(|segment| segment.ident == owner)
}

fn refuse(text: &LitStr, wrong: bool, message: &str) -> Result<()> {
    if wrong { Err(Error::new(text.span(), message)) } else { Ok(()) }
}

pub(crate) fn rates(text: &LitStr) -> Result<()> {
    rate::least(&text.value()).map(drop).map_err(|message| Error::new(text.span(), message))
}

pub(crate) fn class(text: &LitStr) -> Result<()> {
    let len = text.value().len();
    refuse(text, len > 15, &format!("the name of a class has at most 15 bytes, and this one has {len}"))
}

pub(crate) fn on_error(text: &LitStr) -> Result<()> {
    let value = text.value();
    let instead = match value.as_str() {
        "allow" | "throttle" | "raise" => return Ok(()),
        "fallback" | "failover" => {
            format!(
                "`{value}` is a function and takes the name of a backend: write `on_error = throttle::{value}(\"memory\"…)`"
            )
        }
        "retry" => {
            "`retry` is a function and takes the number of retries: write `on_error = throttle::retry(3)`"
                .to_owned()
        }
        _ => format!(
            "unknown `on_error` \"{value}\": write \"allow\", \"throttle\", \"raise\" or the path of an async fn"
        ),
    };
    let instead = instead
        .replace("failover(\"memory\"…)", "failover(\"memory\", CircuitBreaker::new())")
        .replace('…', "");
    Err(Error::new(text.span(), instead))
}

pub(crate) fn headers(text: &LitStr) -> Result<()> {
    let known = ["draft-11", "legacy", "off"].contains(&&*text.value());
    refuse(text, !known, "unknown `headers`: write \"draft-11\", \"legacy\", \"off\" or a `Headers` constant")
}

/// Checks the name of a header or a cookie: token characters of RFC 9110, section 5.6.2.
pub(crate) fn name(text: &LitStr) -> Result<()> {
    let value = text.value();
    refuse(
        text,
        value.is_empty(),
        "the name is empty: write the name of a header or cookie, such as \"x-api-key\"",
    )?;
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let wrong = !value.bytes().all(token);
    refuse(text, wrong, "this is not a valid name of a header or cookie: use letters, digits and `-`")
}

pub(crate) fn pattern(text: &LitStr) -> Result<()> {
    let value = text.value();
    let star = |segment: &str| segment.contains('*') && segment != "*" && segment != "**";
    let problem = if !value.starts_with('/') {
        "a path pattern begins with `/`"
    } else if value.split('/').any(star) {
        "in a path pattern, `*` matches one whole segment, and `**` matches any number of segments"
    } else if value.contains(['{', '}']) {
        "in a path pattern, write `*` for a segment instead of `{name}`"
    } else if value.contains("/:") {
        "in a path pattern, write `*` for a segment instead of `:name`"
    } else if value.contains(['?', '#']) {
        "a path pattern contains no `?` and no `#`"
    } else if value.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
        "a path pattern contains no spaces"
    } else {
        return Ok(());
    };
    Err(Error::new(text.span(), problem))
}

/// Checks that each word of a list is a network or an address, by the same rules as the runtime.
pub(crate) fn networks(list: &LitStr) -> Result<()> {
    let text = list.value();
    let mut words =
        text.split(|c: char| c == ',' || c.is_whitespace()).filter(|word| !word.is_empty()).peekable();
    if words.peek().is_none() {
        return Err(Error::new(list.span(), "the list is empty: write networks such as \"10.0.0.0/8\""));
    }
    match words.find(|word| !is_network(word)) {
        None => Ok(()),
        Some(word) => Err(Error::new(
            list.span(),
            format!(
                "`{word}` is neither a network nor an address: write one such as \"10.0.0.0/8\" or \"192.168.1.1\""
            ),
        )),
    }
}

fn is_network(word: &str) -> bool {
    let (address, prefix) =
        word.split_once('/').map_or((word, None), |(address, prefix)| (address, Some(prefix)));
    let Ok(address) = address.parse::<IpAddr>() else { return false };
    let most = if address.is_ipv4() { 32 } else { 128 };
    prefix.is_none_or(|prefix| prefix.parse::<u8>().is_ok_and(|prefix| prefix <= most))
}
