//! Checks lists of networks by the same rules as the runtime.

use std::net::IpAddr;

use syn::{Error, LitStr, Result};

/// Checks that each word of a list is a network or an address.
pub(crate) fn check(list: &LitStr) -> Result<()> {
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
