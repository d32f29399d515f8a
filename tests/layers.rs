//! Checks the arrangement of files by the imports in the code: layers, circles and small files.
//! Each folder of the runtime imports from lower layers only. No files import each other in a circle. Small files say
//! why they stand alone.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};

/// The directory of the workspace.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

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

/// Small files in this folder need no reason: they are the expected outputs of the macros.
const EXPECTED_OUTPUTS: &str = "throttle-macros/src/expanded";

/// A file with fewer lines needs a reason.
const FEW_LINES: usize = 40;

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
    let is_inline = |at: usize| text[at..].lines().nth(1).is_some_and(|line| line.ends_with('{'));
    let tests = text.match_indices("#[cfg(test)]\nmod ").map(|(at, _)| at).find(|at| is_inline(*at));
    let text = &text[..tests.unwrap_or(text.len())];
    let lines = text.lines().map(|line| if line.trim_start().starts_with("//") { "" } else { line });
    lines.collect::<Vec<_>>().join("\n")
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

/// A path in code, or the path of a module below the root of its crate.
type Names = Vec<String>;

fn names(path: &str) -> Names {
    path.split("::").map(|name| name.trim().trim_start_matches("r#").to_owned()).collect()
}

/// The modules of a crate, each with its file.
struct Modules {
    /// The file, and its code.
    files: BTreeMap<Names, (String, String)>,
    /// The names that each module imports, with their paths.
    uses: BTreeMap<Names, BTreeMap<String, Names>>,
}

impl Modules {
    fn of(root: &Path) -> Self {
        let (mut all, mut files_of, mut uses) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
        files(root, &mut all);
        for path in all {
            let below =
                path.strip_prefix(root).expect("a path below the root").to_str().expect("UTF-8").to_owned();
            let mut module = names(&below.trim_end_matches(".rs").replace('/', "::"));
            module.pop_if(|last| ["lib", "main", "mod"].contains(&last.as_str()));
            let code = code(&path);
            let imported = paths_of_uses(&code).into_iter().map(|path| {
                let (path, alias) =
                    path.split_once(" as ").map_or((&*path, None), |(path, alias)| (path, Some(alias)));
                let path = names(path.trim_end_matches("::self"));
                let name =
                    alias.map_or_else(|| path.last().cloned().unwrap_or_default(), |it| it.trim().to_owned());
                (name, path)
            });
            uses.insert(module.clone(), imported.collect());
            files_of.insert(module, (below, code));
        }
        Self { files: files_of, uses }
    }

    /// Returns the path below the root of the crate. `None` if another crate has the path.
    fn absolute(&self, path: &[String], module: &[String]) -> Option<Names> {
        let parents = path.iter().take_while(|name| *name == "super").count();
        match path.first()?.as_str() {
            "crate" => Some(path[1..].to_vec()),
            "self" => Some([module, &path[1..]].concat()),
            "super" => Some([&module[..module.len().checked_sub(parents)?], &path[parents..]].concat()),
            name if self.files.contains_key(&[module, &[name.to_owned()]].concat()) => {
                Some([module, path].concat())
            }
            _ => None,
        }
    }

    /// Returns the module whose file defines the item with this path. It follows re-exports.
    fn definer(&self, path: &[String], depth: usize) -> Option<Names> {
        let length = (0..=path.len()).rev().find(|length| self.files.contains_key(&path[..*length]))?;
        let (module, rest) = path.split_at(length);
        match rest.first().and_then(|name| self.uses[module].get(name)).filter(|_| depth < 10) {
            Some(imported) => {
                self.definer(&[&self.absolute(imported, module)?, &rest[1..]].concat(), depth + 1)
            }
            None => Some(module.to_vec()),
        }
    }

    /// Returns the imports of a file: each imported file, with the line of the first import.
    ///
    /// A folder is one thing to the files around it. So it does not count what its `mod.rs` takes from the folder, by
    /// re-exports or by calls.
    fn imports(&self, module: &[String]) -> BTreeMap<&str, usize> {
        let mut found = BTreeMap::new();
        for (line, declaration) in declarations(&self.files[module].1) {
            let paths = match declaration.trim_start().split_once("use ") {
                Some((before, tree)) if before.is_empty() || before.starts_with("pub") => {
                    flat("", tree.trim_end_matches(';'))
                }
                _ => inline_paths(&declaration),
            };
            for path in paths {
                let path = path.split(" as ").next().unwrap_or_default().trim_end_matches("::self");
                let definer = self.absolute(&names(path), module).and_then(|path| self.definer(&path, 0));
                if let Some(definer) = definer.filter(|definer| !definer.starts_with(module)) {
                    found.entry(&*self.files[&definer].0).or_insert(line);
                }
            }
        }
        found
    }
}

/// Returns the paths in a line that begin with `crate` or `super`.
fn inline_paths(line: &str) -> Vec<String> {
    let starts = ["crate::", "super::"].into_iter().flat_map(|start| line.match_indices(start));
    let starts = starts.map(|(at, _)| at).filter(|at| {
        // Neither the end of a longer path, nor `pub(in crate::…)`.
        let before = &line[..*at];
        !before.ends_with(|c: char| c.is_alphanumeric() || "_:".contains(c)) && !before.ends_with("(in ")
    });
    let path = |at: usize| line[at..].split(|c: char| !c.is_alphanumeric() && c != '_' && c != ':').next();
    starts.filter_map(path).map(|path| path.trim_end_matches(':').to_owned()).collect()
}

/// Returns the shortest circle of imports through a file, which begins and ends with it.
fn circle<'a>(start: &'a str, imports: &BTreeMap<&'a str, BTreeMap<&'a str, usize>>) -> Option<Vec<&'a str>> {
    let mut queue = VecDeque::from([vec![start]]);
    let mut seen = BTreeSet::new();
    while let Some(path) = queue.pop_front() {
        for next in imports[path.last()?].keys() {
            let longer = [&path[..], &[*next]].concat();
            if *next == start {
                return Some(longer);
            }
            if seen.insert(*next) {
                queue.push_back(longer);
            }
        }
    }
    None
}

/// Returns whether a file only declares and re-exports modules.
fn only_declares(path: &Path) -> bool {
    let is_declaration = |line: &str| {
        let mut visibility = ["pub(crate) ", "pub(super) ", "pub "].into_iter();
        let item = visibility.find_map(|start| line.strip_prefix(start)).unwrap_or(line);
        item.is_empty() || ["#[", "mod ", "use "].iter().any(|start| item.starts_with(start))
    };
    ["lib.rs", "main.rs", "mod.rs"].iter().any(|name| path.ends_with(name))
        && declarations(&code(path)).iter().all(|(_, line)| is_declaration(line.trim()))
}

/// Returns the entry below the root that a file belongs to.
fn entry(file: &str) -> &str {
    file.split('/').next().unwrap_or(file).trim_end_matches(".rs")
}

#[test]
fn no_file_imports_from_a_higher_layer() {
    let modules = Modules::of(&Path::new(ROOT).join("throttle-runtime/src"));
    let layer = |file: &str| LAYERS.iter().position(|layer| layer.contains(&entry(file)));
    let mut problems = Vec::new();
    // The root of the crate re-exports from all layers. Names that are imported from it count as imports of the
    // file that defines them.
    for (module, (file, _)) in modules.files.iter().filter(|(module, _)| !module.is_empty()) {
        let Some(own_layer) = layer(file) else {
            problems.push(format!("{file}: `{}` is in no layer", entry(file)));
            continue;
        };
        for (imported, line) in modules.imports(module) {
            if layer(imported).is_some_and(|other| other < own_layer) {
                problems.push(format!(
                    "throttle-runtime/src/{file}:{line}: `{}` imports {imported}, which is above it",
                    entry(file)
                ));
            }
        }
    }
    assert!(modules.files.len() > 200, "{} files", modules.files.len());
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// An import names the module, so that its layer can be read. The re-exports at the root are for other crates.
#[test]
fn no_file_imports_a_name_from_the_root_of_its_crate() {
    let modules = Modules::of(&Path::new(ROOT).join("throttle-runtime/src"));
    let exported = &modules.uses[&Names::new()];
    let mut problems = Vec::new();
    for (file, code) in modules.files.iter().filter(|(module, _)| !module.is_empty()).map(|(_, file)| file) {
        let paths = paths_of_uses(code).into_iter().chain(code.lines().flat_map(inline_paths));
        for path in paths.map(|path| names(&path)).filter(|path| path[0] == "crate" && path.len() > 1) {
            let is_module = modules.files.contains_key(&path[1..2]);
            if let Some(module) = exported.get(&path[1]).filter(|_| !is_module) {
                problems.push(format!("{file}: `{}` is `{}`", path.join("::"), module.join("::")));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// The tests above see each way to write an import.
#[test]
fn each_way_to_write_an_import_is_seen() {
    let modules = Modules::of(&Path::new(ROOT).join("throttle-runtime/src"));
    for (path, module, file) in [
        ("crate::Throttle", "util::random", "throttle/mod.rs"),
        ("crate::breaker::Snapshot", "util::random", "resilience/circuit_breaker/info.rs"),
        ("super::Throttle", "hit", "throttle/mod.rs"),
        ("super::super::edge::admit::admit", "util::random", "edge/admit.rs"),
        ("self::deadline::timeout", "util", "util/deadline.rs"),
        ("deadline::timeout", "util", "util/deadline.rs"),
    ] {
        let path = modules.absolute(&names(path), &names(module)).expect("a path of this crate");
        let definer = modules.definer(&path, 0).expect("a module");
        assert_eq!(modules.files[&definer].0, file, "{path:?}");
    }
    let line = "let x = crate::edge::admit(super::hit()).max(<crate::Key as Into<u8>>::into(key));";
    assert_eq!(inline_paths(line), ["crate::edge::admit", "crate::Key", "super::hit"]);
    assert_eq!(flat("", "crate::{a, b::{self, c as d}}"), ["crate::a", "crate::b::self", "crate::b::c as d"]);
}

/// The listing of ARCHITECTURE.md has a line for each layer, in the same order.
#[test]
fn the_architecture_lists_the_layers_from_top_to_bottom() {
    let text = fs::read_to_string(Path::new(ROOT).join("ARCHITECTURE.md")).expect("text");
    let lines = text.lines().skip_while(|line| !line.starts_with("throttle-runtime/src/")).skip(1);
    let lines = lines.take_while(|line| line.starts_with("  "));
    let listed =
        lines.filter_map(|line| line.trim_start().split_once("  ")).map(|(names, _)| names.to_owned());
    assert_eq!(listed.collect::<Vec<_>>(), LAYERS.map(|layer| layer.join(" ")));
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    for crate_ in ["throttle-runtime/src", "throttle-macros/src", "bench/src"] {
        let modules = Modules::of(&Path::new(ROOT).join(crate_));
        let imports =
            modules.files.iter().map(|(module, (file, _))| (file.as_str(), modules.imports(module)));
        let imports: BTreeMap<_, _> = imports.collect();
        let circles: BTreeMap<BTreeSet<&str>, Vec<&str>> = imports
            .keys()
            .filter_map(|file| circle(file, &imports))
            .map(|circle| (circle.iter().copied().collect(), circle))
            .collect();
        let shown = circles.values().map(|circle| {
            let imports = circle.windows(2).map(|pair| {
                format!("  {crate_}/{}:{} imports {}", pair[0], imports[pair[0]][pair[1]], pair[1])
            });
            ["a circle:".to_owned()].into_iter().chain(imports).collect::<Vec<_>>().join("\n")
        });
        let shown: Vec<_> = shown.collect();
        assert!(imports.len() > 20, "{} files in {crate_}", imports.len());
        assert!(shown.is_empty(), "{}", shown.join("\n"));
    }
}

/// A reason is the word "alone" in the first line: `//! Random numbers. Alone because …`.
#[test]
fn a_small_file_says_why_it_stands_alone() {
    let root = Path::new(ROOT);
    let mut all = Vec::new();
    for folder in ["src", "throttle-runtime/src", "throttle-macros/src", "bench/src"] {
        files(&root.join(folder), &mut all);
    }
    let mut problems = Vec::new();
    for path in all {
        let text = fs::read_to_string(&path).expect("text");
        let has_reason = text.lines().next().is_some_and(|line| line.to_lowercase().contains("alone"));
        let needs_none = path.starts_with(root.join(EXPECTED_OUTPUTS));
        if text.lines().count() < FEW_LINES && !has_reason && !needs_none && !only_declares(&path) {
            problems.push(path.display().to_string());
        }
    }
    let message = "say in the first line why the file stands alone, or make it part of another";
    assert!(problems.is_empty(), "{message}:\n{}", problems.join("\n"));
}
