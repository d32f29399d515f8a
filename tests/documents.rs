//! What the documents say about tests is so.

use std::fs;
use std::path::Path;

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

#[test]
fn the_table_of_behaviours_names_tests_that_there_are() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let code: String = ["tests", "throttle-runtime"].map(|directory| code(&root.join(directory))).concat();
    let table = fs::read_to_string(root.join("docs/behaviours.md")).expect("the table");
    let words = table.split('`').skip(1).step_by(2);
    let names: Vec<_> = words.filter(|word| word.split('_').count() > 3).collect();
    assert!(names.len() > 60, "{names:?}");
    for name in names {
        let starts = [format!("fn {name}("), format!("fn {name}<"), format!("conformance!({name},")];
        let is_there = starts.iter().any(|start| code.contains(start));
        assert!(is_there, "`{name}` is no test");
    }
}
