//! Checks that each folder of the runtime imports from lower layers only, by the `use` lines and paths of the code.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The layers, top to bottom. Entries of one layer may import each other.
const LAYERS: [&[&str]; 10] = [
    &["private"],
    &["edge"],
    &["pipeline"],
    &["registry", "throttle"],
    &["environment"],
    &["config"],
    &["resilience", "testkit"],
    &["backend"],
    &["strategy"],
    &["class", "clock", "decision", "error", "hit", "http", "key", "rate", "util"],
];

/// The names that the root of the crate re-exports, with the entry that defines them.
fn re_exports(root: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for path in paths_of_uses(root) {
        let Some((entry, rest)) = path.strip_prefix("crate::").and_then(|path| path.split_once("::")) else {
            continue;
        };
        let name = rest.rsplit("::").next().unwrap_or(rest);
        let name = name.rsplit(" as ").next().unwrap_or(name);
        found.insert(name.to_owned(), entry.to_owned());
    }
    found
}

/// The paths of all `use` declarations, one for each imported name.
fn paths_of_uses(code: &str) -> Vec<String> {
    let uses = code.split("use ").skip(1).filter_map(|rest| rest.split_once(';'));
    uses.flat_map(|(tree, _)| flat("", tree)).collect()
}

/// The paths of a use tree: `a::{b, c::d}` is `a::b` and `a::c::d`.
fn flat(prefix: &str, tree: &str) -> Vec<String> {
    let tree = tree.trim();
    let Some((head, rest)) = tree.split_once('{') else { return vec![format!("{prefix}{tree}")] };
    let inner = rest.rsplit_once('}').map_or(rest, |(inner, _)| inner);
    let (mut depth, mut start, mut parts) = (0_i32, 0, Vec::new());
    for (at, character) in inner.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&inner[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&inner[start..]);
    let prefix = format!("{prefix}{head}");
    parts.into_iter().filter(|part| !part.trim().is_empty()).flat_map(|part| flat(&prefix, part)).collect()
}

/// Returns the code of a file without comments and without its unit tests, which import from all layers.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("text");
    let text = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let lines = text.lines().map(|line| if line.trim_start().starts_with("//") { "" } else { line });
    lines.collect::<Vec<_>>().join("\n")
}

/// The entries below the root that a line names by `crate::`, directly or by a re-export.
fn entries(line: &str, re_exports: &BTreeMap<String, String>) -> Vec<String> {
    let paths = match line.trim_start().split_once("use ") {
        Some((visibility, tree)) if visibility.is_empty() || visibility.starts_with("pub") => flat("", tree),
        _ => line.match_indices("crate::").map(|(at, _)| line[at..].to_owned()).collect(),
    };
    let first = |path: &String| {
        let rest = path.strip_prefix("crate::")?;
        let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        Some(re_exports.get(&name).cloned().unwrap_or(name))
    };
    paths.iter().filter_map(first).collect()
}

fn files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() && !path.ends_with("tests") {
            files(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") && !path.ends_with("tests.rs") {
            found.push(path);
        }
    }
}

/// Joins declarations that stand on several lines, so that each is checked at its first line.
fn declarations(code: &str) -> Vec<(usize, String)> {
    let mut joined: Vec<(usize, String)> = Vec::new();
    let mut is_open = false;
    for (number, line) in (1..).zip(code.lines()) {
        match joined.last_mut() {
            Some((_, declaration)) if is_open => declaration.push_str(line),
            _ => joined.push((number, line.to_owned())),
        }
        let last = joined.last().map_or("", |(_, declaration)| declaration);
        is_open = last.trim_start().split_once("use ").is_some_and(|(before, _)| {
            (before.is_empty() || before.starts_with("pub")) && !last.contains(';')
        });
    }
    joined
}

#[test]
fn no_file_imports_from_a_higher_layer() {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).join("throttle-runtime/src");
    let re_exports = re_exports(&code(&root.join("lib.rs")));
    let layer = |entry: &str| LAYERS.iter().position(|layer| layer.contains(&entry));
    let mut all = Vec::new();
    files(&root, &mut all);
    let mut problems = Vec::new();
    for path in all.iter().filter(|path| !path.ends_with("src/lib.rs")) {
        let below = path.strip_prefix(&root).expect("a path below the root");
        let own =
            below.iter().next().and_then(|first| first.to_str()).expect("a name").trim_end_matches(".rs");
        let Some(own_layer) = layer(own) else {
            problems.push(format!("{}: `{own}` is in no layer", below.display()));
            continue;
        };
        for (line, declaration) in declarations(&code(path)) {
            for entry in entries(&declaration, &re_exports) {
                if layer(&entry).is_some_and(|other| other < own_layer) {
                    let place = format!("throttle-runtime/src/{}:{line}", below.display());
                    problems.push(format!("{place}: `{own}` imports from `{entry}`, which is above it"));
                }
            }
        }
    }
    assert!(all.len() > 200, "{} files", all.len());
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// The listing of ARCHITECTURE.md has a line for each layer, in the same order.
#[test]
fn the_architecture_lists_the_layers_from_top_to_bottom() {
    let text =
        fs::read_to_string(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).join("ARCHITECTURE.md"))
            .expect("text");
    let lines = text.lines().skip_while(|line| !line.starts_with("throttle-runtime/src/")).skip(1);
    let lines = lines.take_while(|line| line.starts_with("  "));
    let listed =
        lines.filter_map(|line| line.trim_start().split_once("  ")).map(|(names, _)| names.to_owned());
    assert_eq!(listed.collect::<Vec<_>>(), LAYERS.map(|layer| layer.join(" ")));
}
