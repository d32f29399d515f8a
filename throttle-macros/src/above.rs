//! Reads the source file to improve two compiler messages.
//!
//! - `#[debug_handler]` above `#[throttle]` calls the function with the arguments as written. `#[throttle]`
//!   then adds an argument, so the compiler would report a missing argument of a type that the user has never
//!   seen.
//! - For a strategy that is not imported, the compiler would report an undeclared type without naming its
//!   path.
//!
//! An attribute sees neither the attributes above it nor the imports. If the source file cannot be read, the
//! compiler's own message remains.

/// Returns whether `#[debug_handler]` stands above the attribute that is being expanded.
pub(crate) fn has_debug_handler() -> bool {
    let span = proc_macro::Span::call_site();
    let text = span.local_file().and_then(|file| std::fs::read_to_string(file).ok());
    text.is_some_and(|text| is_below_debug_handler(before(&text, span.line(), span.column())))
}

/// Returns whether the name of a strategy is certainly not in scope. This is certain if the file has no glob
/// import that may contain the name, and mentions the name only as the value of `strategy` or in front of
/// `::`. Neither of these imports or defines a name.
pub(crate) fn is_not_imported(name: &proc_macro2::Ident) -> bool {
    if !proc_macro::is_available() {
        return false;
    }
    let file = name.span().unwrap().local_file();
    let text = file.and_then(|file| std::fs::read_to_string(file).ok());
    text.is_some_and(|text| !may_import(&text, &name.to_string()))
}

fn may_import(text: &str, name: &str) -> bool {
    // The root of the crate exports no strategies. A module named `throttle` in this file may contain some.
    let of_root = if text.contains("mod throttle") { 0 } else { text.matches("use throttle::*").count() };
    let parts: Vec<&str> = text.split(name).collect();
    let is_use = |before: &str, after: &str| {
        let before = before.trim_end();
        let value = before.strip_suffix('=').or_else(|| before.strip_suffix('(')).map(str::trim_end);
        after.trim_start().starts_with("::") || value.is_some_and(|argument| argument.ends_with("strategy"))
    };
    text.matches("::*").count() > of_root
        || text.contains("*}")
        || text.contains("include!")
        || parts.windows(2).any(|around| !is_use(around[0], around[1]))
}

/// Returns the text in front of a line and column. Both count from 1.
fn before(text: &str, line: usize, column: usize) -> &str {
    let mut lines = text.split_inclusive('\n');
    let above: usize = lines.by_ref().take(line.saturating_sub(1)).map(str::len).sum();
    let here = lines.next().unwrap_or_default();
    let indent = here.char_indices().nth(column.saturating_sub(1)).map_or(here.len(), |(index, _)| index);
    text.get(..above + indent).unwrap_or_default()
}

fn is_below_debug_handler(mut text: &str) -> bool {
    loop {
        text = text.trim_end();
        let line = text.rsplit('\n').next().unwrap_or_default();
        if line.trim_start().starts_with("//") {
            text = &text[..text.len() - line.len()];
            continue;
        }
        let Some(start) = text.rfind("#[").filter(|_| text.ends_with(']')) else { return false };
        let path = text[start + 2..].split(['(', ']']).next().unwrap_or_default();
        if path.rsplit("::").next().is_some_and(|last| last.trim() == "debug_handler") {
            return true;
        }
        text = &text[..start];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f27_the_attributes_directly_above_are_found() {
        let is = |text: &str| is_below_debug_handler(text);
        assert!(is("use a;\n#[axum::debug_handler]\n"));
        assert!(is("#[debug_handler(state = App)]\n// why\n#[allow(dead_code)]\n    "));
        assert!(is("#[debug_handler] "));
        assert!(!is(""));
        assert!(!is("#[debug_handler]\nasync fn other() {}\n"));
        assert!(!is("#[cfg(debug_handler)]\n"));
    }

    #[test]
    fn f27_a_name_that_no_import_mentions_is_not_in_scope() {
        let attribute = "#[throttle(rate = \"1/s\", strategy = TokenBucket::new())]\nasync fn items() {}\n";
        let imports = |text: &str| may_import(&format!("{text}\n{attribute}"), "TokenBucket");
        assert!(!imports("use throttle::throttle;"));
        assert!(imports("use throttle::strategy::TokenBucket;"));
        assert!(imports("use throttle::strategy::{\n    Gcra,\n    TokenBucket,\n};"));
        assert!(imports("use throttle::strategy::*;"));
        assert!(imports("struct TokenBucket {}"));
        assert!(imports("type TokenBucket = throttle::strategy::Gcra;"));
        assert!(!imports("use throttle::*;"));
        assert!(imports("mod throttle;\nuse throttle::*;"));
        assert!(imports("use throttle::*;\nuse super::*;"));
        let bare = "#[throttle(rate = \"1/s\", strategy = FixedWindow)]\nasync fn items() {}\n";
        let imports = |text: &str| may_import(&format!("{text}\n{bare}"), "FixedWindow");
        assert!(!imports("use throttle::throttle;") && !imports("fn a() { b.strategy(FixedWindow) }"));
        assert!(imports("use throttle::strategy::FixedWindow;") && imports("struct FixedWindow;"));
    }

    #[test]
    fn f27_lines_and_columns_count_from_one() {
        assert_eq!(before("ab\ncd\n", 2, 2), "ab\nc");
        assert_eq!(before("ab\n", 9, 9), "ab\n");
    }
}
