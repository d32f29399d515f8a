//! Checks that the statements of the documents about tests are true.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The directory of the workspace.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Returns the text of all Rust files below a directory.
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

/// Checks that the tests that a document names exist, and that it names more than `fewest`.
fn names_tests(document: &str, fewest: usize) {
    let root = Path::new(ROOT);
    let code: String =
        ["tests", "integrations", "throttle-runtime"].map(|directory| code(&root.join(directory))).concat();
    let text = fs::read_to_string(root.join(document)).expect("the document");
    let words = text.split('`').skip(1).step_by(2);
    let names: Vec<_> = words.filter(|word| word.split('_').count() > 3).collect();
    assert!(names.len() > fewest, "{names:?}");
    for name in names {
        // A path before the name is the file of the test.
        let (file, name) = name.rsplit_once("::").unwrap_or(("", name));
        let starts = [format!("fn {name}("), format!("fn {name}<"), format!("conformance!({name},")];
        let is_in = |code: &str| starts.iter().any(|start| code.contains(start));
        assert!(is_in(&code), "`{name}` is no test");
        let files = ["tests", "integrations/tests", "throttle-runtime/tests"]
            .map(|place| root.join(place).join(file.to_owned() + ".rs"));
        let is_there = |path: &PathBuf| fs::read_to_string(path).is_ok_and(|code| is_in(&code));
        assert!(file.is_empty() || files.iter().any(is_there), "`{name}` is not in {file}.rs");
    }
}

/// Checks that the targets of links exist: files, and headings.
fn leads_somewhere(document: &str) {
    let path = Path::new(ROOT).join(document);
    let text = fs::read_to_string(&path).expect("the document");
    let links: Vec<_> = text.split("](").skip(1).filter_map(|rest| rest.split(')').next()).collect();
    assert!(!links.is_empty());
    for link in links.into_iter().filter(|link| !link.starts_with("https://")) {
        let (file, heading) = link.split_once('#').unwrap_or((link, ""));
        let target = if file.is_empty() { path.clone() } else { path.with_file_name(file) };
        assert!(target.exists(), "{document}: nothing is at {link}");
        let has = |text: String| headings(&text).any(|known| known == heading);
        let is_there = heading.is_empty() || fs::read_to_string(&target).is_ok_and(has);
        assert!(is_there, "{document}: no heading is at {link}");
    }
}

/// Returns the anchors of the headings of a document.
fn headings(text: &str) -> impl Iterator<Item = String> {
    text.lines().filter(|line| line.starts_with("##")).map(|line| anchor(line.trim_start_matches(['#', ' '])))
}

/// Returns the anchor of a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|character| character.is_alphanumeric() || " -".contains(*character));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

/// Returns the cells of a table's rows.
fn rows(text: &str) -> impl Iterator<Item = Vec<&str>> {
    let rows = text.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix('|'));
    rows.map(|row| row.split('|').map(str::trim).collect())
}

#[test]
fn every_story_has_a_test_of_its_number() {
    names_tests("docs/stories.md", 30);
    leads_somewhere("docs/stories.md");
    let root = Path::new(ROOT);
    let text = fs::read_to_string(root.join("docs/stories.md")).expect("the document");
    let mut told = 0;
    for (number, cells) in rows(&text).filter_map(|cells| Some((cells[0].parse::<u32>().ok()?, cells))) {
        told += 1;
        assert_eq!((number, cells.len()), (told, 4), "{cells:?}");
        assert!(cells[3].contains(&format!("s{number:02}_")), "story {number} is shown by {}", cells[3]);
    }
    assert_eq!(told, 25);
}

#[test]
fn who_comes_from_elsewhere_finds_all_that_was_there() {
    leads_somewhere("docs/coming-from.md");
    let root = Path::new(ROOT);
    let text = fs::read_to_string(root.join("docs/coming-from.md")).expect("the document");
    let parts: Vec<_> = text.split("\n## ").skip(1).filter_map(|part| part.chars().next()).collect();
    assert_eq!(parts, ('A'..='O').collect::<Vec<_>>());
    for cells in rows(&text) {
        assert!(cells.len() == 2 && cells.iter().all(|cell| !cell.is_empty()), "{cells:?}");
    }
    let code = code(&root.join("throttle-runtime/src"));
    for (of, name) in text.split('`').skip(1).step_by(2).filter_map(|word| word.split_once("::")) {
        let name = name.split('(').next().unwrap_or_default();
        let is = [
            "Registry",
            "RegistryBuilder",
            "Settings",
            "StoreBackend",
            "Rule",
            "CircuitBreaker",
            "Throttle",
            "Transaction",
        ]
        .contains(&of);
        assert!(!is || code.contains(&format!("fn {name}")), "`{of}::{name}` is no function");
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

#[test]
fn the_table_of_guarantees_names_tests_that_there_are() {
    names_tests("docs/guarantees.md", 60);
    leads_somewhere("docs/guarantees.md");
}

/// Returns the numbers in the names of tests that begin with `f` and two digits, `f40_` for example.
fn numbers_of_faults(code: &str) -> BTreeSet<u32> {
    let names = code.split("fn f").skip(1);
    names.filter_map(|rest| rest.split_once('_')?.0.parse().ok()).collect()
}

#[test]
fn every_fault_has_a_test_of_its_number() {
    let root = Path::new(ROOT);
    let text = fs::read_to_string(root.join("docs/faults.md")).expect("the document");
    let rows = text.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" |")?.0.parse().ok());
    let rows: BTreeSet<u32> = rows.collect();
    let directories = ["tests", "integrations", "throttle-runtime", "throttle-macros"]
        .map(|directory| root.join(directory));
    let mut tested = numbers_of_faults(&directories.map(|directory| code(&directory)).concat());
    // A message of the compiler is tested by a file.
    for directory in ["tests/ui/fail", "tests/compiles"] {
        for entry in fs::read_dir(root.join(directory)).expect("a directory") {
            let name = entry.expect("an entry").file_name();
            tested.extend(numbers_of_faults(&format!("fn {}", name.to_string_lossy())));
        }
    }
    assert!(rows.len() >= 5);
    assert_eq!(rows, tested);
}

#[test]
fn the_links_of_the_front_pages_lead_somewhere() {
    for document in ["ARCHITECTURE.md", "CONTRIBUTING.md", "README.md", "RELEASING.md"] {
        leads_somewhere(document);
    }
}

/// Checks that the packages that list their tests list all of them, because others would not run.
#[test]
fn every_test_file_is_in_the_list_of_its_package() {
    for package in ["tests", "throttle-runtime/tests"] {
        let directory = Path::new(ROOT).join(package);
        let manifest = fs::read_to_string(directory.join("Cargo.toml")).expect("a manifest");
        for entry in fs::read_dir(&directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().and_then(|name| name.to_str()).expect("text");
            let file = if path.is_dir() { format!("{name}/main.rs") } else { name.to_owned() };
            let target = directory.join(&file);
            let is_test = target.extension().is_some_and(|end| end == "rs") && target.exists();
            let listed = manifest.contains(&format!("path = \"{file}\""));
            assert_eq!(is_test, listed, "{package}/{file} in {package}/Cargo.toml");
        }
    }
}
