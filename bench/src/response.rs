//! Reads the heads of responses. Alone because two load generators share it.

/// Returns the content length in the headers, or 0.
pub(crate) fn content_length(head: &[u8]) -> usize {
    let fields = head.split(|&byte| byte == b'\n').filter_map(|line| str::from_utf8(line).ok());
    let mut named = fields.filter_map(|line| line.split_once(':'));
    let length = named.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    length.and_then(|(_, value)| value.trim().parse().ok()).unwrap_or_default()
}
