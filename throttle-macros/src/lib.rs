//! The attributes of the [`throttle`](https://docs.rs/throttle-rs) crate. They check syntax and literals;
//! everything else is decided by the runtime.

mod above;
mod args;
mod boxed;
mod check;
mod constant;
mod context;
mod declare;
mod degrade;
mod expand;
mod function;
mod handler;
mod hint;
mod item;
mod key;
mod literal;
mod message;
mod opaque;
mod paths;
mod quantity;
mod rate;
mod returned;
mod signature;
mod site;
mod template;
#[cfg(test)]
mod tests;
mod values;

use proc_macro::TokenStream;

use crate::expand::Here;
use crate::item::Kind;

#[doc = include_str!("../docs/throttle.md")]
#[proc_macro_attribute]
pub fn throttle(args: TokenStream, item: TokenStream) -> TokenStream {
    let here = Here { below_debug_handler: above::has_debug_handler(), ..here() };
    expand::attribute(Kind::Handler, args.into(), &item.into(), &here).into()
}

#[doc = include_str!("../docs/throttle_fn.md")]
#[proc_macro_attribute]
pub fn throttle_fn(args: TokenStream, item: TokenStream) -> TokenStream {
    expand::attribute(Kind::Function, args.into(), &item.into(), &here()).into()
}

#[doc = include_str!("../docs/throttle_message.md")]
#[proc_macro_attribute]
pub fn throttle_message(args: TokenStream, item: TokenStream) -> TokenStream {
    expand::attribute(Kind::Message, args.into(), &item.into(), &here()).into()
}

fn here() -> Here {
    Here { place: place(), below_debug_handler: false, with_signature: cfg!(feature = "signature") }
}

/// Returns a text that is different for each use of an attribute in the program. The position in the source
/// is not enough, because a `macro_rules!` macro may define many functions at one position: the counter
/// distinguishes them. Only the file name is used of the path, so the text does not depend on the build
/// directory.
fn place() -> String {
    static COUNTER: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let counter = COUNTER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let span = proc_macro::Span::call_site();
    let file = span.file();
    let file = file.rsplit(['/', '\\']).next().unwrap_or_default();
    let var = |name| std::env::var(name).unwrap_or_default();
    let package = (var("CARGO_PKG_NAME"), var("CARGO_PKG_VERSION"));
    format!("{package:?} {file}:{}:{} {counter}", span.line(), span.column())
}
