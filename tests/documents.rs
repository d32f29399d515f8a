//! What the documents say about tests is so.

use std::fs;
use std::path::{Path, PathBuf};

/// The text of all files of Rust below a directory.
fn code(directory: &Path) -> String {
    let entries = fs::read_dir(directory).expect("a directory");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let text = |path: &Path| match path.extension() {
        _ if path.is_dir() => code(path),
        Some(end) if end == "rs" => fs::read_to_string(path).expect("text"),
        _ => String::new(),
    };
    paths.map(|path| text(&path)).collect()
}

/// The tests that a document names are there, and are no fewer than these.
fn names_tests(document: &str, fewest: usize) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let code: String = ["tests", "throttle-runtime"].map(|directory| code(&root.join(directory))).concat();
    let text = fs::read_to_string(root.join(document)).expect("the document");
    let words = text.split('`').skip(1).step_by(2);
    let names: Vec<_> = words.filter(|word| word.split('_').count() > 3).collect();
    assert!(names.len() > fewest, "{names:?}");
    for name in names {
        // What stands before it says in which file.
        let (file, name) = name.rsplit_once("::").unwrap_or(("", name));
        let starts = [format!("fn {name}("), format!("fn {name}<"), format!("conformance!({name},")];
        let is_in = |code: &str| starts.iter().any(|start| code.contains(start));
        assert!(is_in(&code), "`{name}` is no test");
        let files =
            ["tests", "throttle-runtime/tests"].map(|place| root.join(place).join(file.to_owned() + ".rs"));
        let is_there = |path: &PathBuf| fs::read_to_string(path).is_ok_and(|code| is_in(&code));
        assert!(file.is_empty() || files.iter().any(is_there), "`{name}` is not in {file}.rs");
    }
}

#[test]
fn the_table_of_behaviours_names_tests_that_there_are() {
    names_tests("docs/behaviours.md", 60);
}

#[test]
fn the_table_of_failures_names_tests_that_there_are() {
    names_tests("docs/failures.md", 60);
}
