//! The rules themselves: source files against the maps. Each violation is one line with its place.

use crate::imports::{self, Import};
use crate::map::{Confined, Map, Row};
use std::collections::{BTreeMap, BTreeSet};

/// One source file.
pub(crate) struct Source {
    /// From the repository's root.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// The violations of the map of one folder. `package` is the name by which its programs import its
/// library.
pub(crate) fn broken_imports(map: &Map, package: &str, sources: &[Source]) -> Vec<String> {
    let files: Vec<(&Source, Vec<String>, imports::File)> = sources
        .iter()
        .map(|source| {
            let module = module_of(&map.folder, &source.path, sources);
            let file = imports::read(&source.text, &module, package);
            (source, module, file)
        })
        .collect();
    let names = Names::of(map, &files);
    let mut broken = rows_in_order(map);
    let mut used: BTreeSet<(&[String], &[String])> = BTreeSet::new();
    let mut seen: BTreeSet<&[String]> = BTreeSet::new();
    for (source, module, file) in &files {
        if module.is_empty() {
            continue; // The root declares modules and exports names.
        }
        let Some(row) = owner(map, module) else {
            let module = module.join("::");
            broken.push(format!(
                "{}:1: `{module}` has no row in the map",
                source.path
            ));
            continue;
        };
        seen.insert(&row.module);
        for import in file.imports.iter().filter(|import| import.own) {
            let place = format!("{}:{}", source.path, import.line);
            let Some(target) = names.owner(map, import) else {
                let path = import.path.join("::");
                broken.push(format!("{place}: `crate::{path}` is in no row of the map"));
                continue;
            };
            if target.module == row.module {
                continue;
            }
            used.insert((&row.module, &target.module));
            if !row.imports.contains(&target.module) {
                let (from, to) = (row.module.join("::"), target.module.join("::"));
                broken.push(format!("{place}: `{from}` must not import `{to}`"));
            }
        }
    }
    broken.extend(stale(map, &used, &seen));
    broken
}

/// The module of a file, as a path from the package's root.
fn module_of(folder: &str, path: &str, sources: &[Source]) -> Vec<String> {
    let inside = path.strip_prefix(folder).unwrap_or(path).trim_matches('/');
    let name = inside.strip_suffix(".rs").unwrap_or(inside);
    let has_library = || sources.iter().any(|s| s.path == format!("{folder}/lib.rs"));
    if name == "lib" || (name == "main" && !has_library()) {
        return Vec::new();
    }
    let mut module: Vec<String> = name.split('/').map(str::to_owned).collect();
    if module.last().is_some_and(|last| last == "mod") {
        module.pop();
    }
    module
}

/// The row of a module: the longest one that the path begins with.
fn owner<'a>(map: &'a Map, path: &[String]) -> Option<&'a Row> {
    let rows = map.rows.iter().filter(|row| path.starts_with(&row.module));
    rows.max_by_key(|row| row.module.len())
}

/// Names at the package's root that lead elsewhere.
struct Names {
    exports: BTreeMap<String, Vec<String>>,
}

impl Names {
    fn of(map: &Map, files: &[(&Source, Vec<String>, imports::File)]) -> Names {
        let mut exports = BTreeMap::new();
        for (_, module, file) in files {
            if module.is_empty() {
                exports.extend(file.exports.iter().cloned());
            }
            let macros = file.macros.iter().cloned();
            exports.extend(macros.map(|name| (name, module.clone())));
        }
        exports.retain(|_, path| owner(map, path).is_some());
        Names { exports }
    }

    fn owner<'a>(&self, map: &'a Map, import: &Import) -> Option<&'a Row> {
        owner(map, &import.path).or_else(|| owner(map, self.exports.get(import.path.first()?)?))
    }
}

/// Each row may import only rows above it, so that there are no cycles.
fn rows_in_order(map: &Map) -> Vec<String> {
    let mut broken = Vec::new();
    for (index, row) in map.rows.iter().enumerate() {
        for import in &row.imports {
            if !map.rows[..index]
                .iter()
                .any(|above| above.module == *import)
            {
                let (from, to) = (row.module.join("::"), import.join("::"));
                let line = row.line;
                broken.push(format!(
                    "ARCHITECTURE.md:{line}: no row `{to}` above `{from}`"
                ));
            }
        }
    }
    broken
}

/// Rows without a file, and entries of a row that no import needs.
fn stale(
    map: &Map,
    used: &BTreeSet<(&[String], &[String])>,
    seen: &BTreeSet<&[String]>,
) -> Vec<String> {
    let mut broken = Vec::new();
    for row in &map.rows {
        let (name, line) = (row.module.join("::"), row.line);
        if !seen.contains(row.module.as_slice()) {
            let folder = &map.folder;
            broken.push(format!(
                "ARCHITECTURE.md:{line}: {folder} has no file of `{name}`"
            ));
            continue;
        }
        for import in &row.imports {
            if !used.contains(&(row.module.as_slice(), import.as_slice())) {
                let import = import.join("::");
                broken.push(format!(
                    "ARCHITECTURE.md:{line}: `{name}` does not import `{import}`"
                ));
            }
        }
    }
    broken
}

/// Uses of a confined crate outside its places, and places that do not use it.
pub(crate) fn escaped_crates(confined: &[Confined], sources: &[Source]) -> Vec<String> {
    let mut broken = Vec::new();
    let mut unused: BTreeSet<(&str, &str)> = confined
        .iter()
        .flat_map(|c| {
            c.places
                .iter()
                .map(|place| (c.name.as_str(), place.as_str()))
        })
        .collect();
    for source in sources {
        for import in imports::read(&source.text, &[], "").imports {
            let name = import.path.first().filter(|_| !import.own);
            let Some(known) = confined.iter().find(|c| Some(&c.name) == name) else {
                continue;
            };
            match known.places.iter().find(|place| is_in(&source.path, place)) {
                Some(place) => {
                    unused.remove(&(known.name.as_str(), place.as_str()));
                }
                None => {
                    let (at, line, name) = (&source.path, import.line, &known.name);
                    broken.push(format!("{at}:{line}: `{name}` must not be used here"));
                }
            }
        }
    }
    for (name, place) in unused {
        let line = confined
            .iter()
            .find(|c| c.name == name)
            .map_or(0, |c| c.line);
        broken.push(format!(
            "ARCHITECTURE.md:{line}: {place} does not use `{name}`"
        ));
    }
    broken
}

/// True for the file itself, and for files below the folder.
fn is_in(path: &str, place: &str) -> bool {
    path.strip_prefix(place)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::map::{confined, maps};

    const TEXT: &str = "\
## Rest
| not | a map |
### `x/src`
| module | content | imports |
| --- | --- | --- |
| `ground` | values | |
| `middle` | work | `ground` |
| `middle::deep` | more | `ground` |
| `main` | starts | `middle` |

| crate | used only in |
| --- | --- |
| `aya` | `x/src/middle` |
";

    fn sources(files: &[(&str, &str)]) -> Vec<Source> {
        let whole = [
            (
                "x/src/lib.rs",
                "pub mod ground; pub mod middle; pub use ground::Value;",
            ),
            (
                "x/src/ground.rs",
                "pub struct Value; #[macro_export] macro_rules! make { () => {} }",
            ),
            (
                "x/src/middle/mod.rs",
                "mod deep; use crate::Value; use aya::Ebpf;",
            ),
            ("x/src/middle/deep.rs", "fn f() { crate::make!(); }"),
            ("x/src/main.rs", "fn main() { soakbox_x::middle::go(); }"),
        ];
        let replaced = |path: &str| files.iter().any(|(other, _)| *other == path);
        let kept = whole.iter().filter(|(path, _)| !replaced(path));
        kept.chain(files)
            .map(|(path, text)| Source {
                path: (*path).to_owned(),
                text: (*text).to_owned(),
            })
            .collect()
    }

    fn broken(files: &[(&str, &str)]) -> Vec<String> {
        let sources = sources(files);
        let [map] = &maps(TEXT)[..] else {
            return vec!["not one map".to_owned()];
        };
        let mut all = broken_imports(map, "soakbox_x", &sources);
        all.extend(escaped_crates(&confined(TEXT), &sources));
        all
    }

    #[test]
    fn a_true_map_holds() {
        assert_eq!(broken(&[]), [""; 0]);
    }

    #[test]
    fn an_import_that_the_map_does_not_have_fails_with_its_place() {
        let up = (
            "x/src/ground.rs",
            "pub struct Value;\n\nuse crate::middle::go; #[macro_export] macro_rules! make { () => {} }",
        );
        let lines = broken(&[up]);
        assert_eq!(
            lines,
            ["x/src/ground.rs:3: `ground` must not import `middle`"]
        );
        let child = (
            "x/src/middle/mod.rs",
            "mod deep;\nuse deep::D;\nuse crate::Value; use aya::Ebpf;",
        );
        let lines = broken(&[child]);
        assert_eq!(
            lines,
            ["x/src/middle/mod.rs:2: `middle` must not import `middle::deep`"]
        );
    }

    #[test]
    fn a_module_without_a_row_fails() {
        let lines = broken(&[("x/src/new/mod.rs", "")]);
        assert_eq!(lines, ["x/src/new/mod.rs:1: `new` has no row in the map"]);
        let lines = broken(&[(
            "x/src/main.rs",
            "use soakbox_x::middle::go;\nuse soakbox_x::gone::A;",
        )]);
        assert_eq!(
            lines,
            ["x/src/main.rs:2: `crate::gone::A` is in no row of the map"]
        );
    }

    #[test]
    fn a_stale_entry_fails() {
        let lines = broken(&[("x/src/middle/deep.rs", "")]);
        assert_eq!(
            lines,
            ["ARCHITECTURE.md:8: `middle::deep` does not import `ground`"]
        );
        let map = &maps(TEXT)[0];
        let all = sources(&[]);
        let without = |path: &str| -> Vec<Source> {
            let kept = sources(&[])
                .into_iter()
                .filter(|source| source.path != path);
            kept.collect()
        };
        assert_eq!(broken_imports(map, "soakbox_x", &all), [""; 0]);
        let lines = broken_imports(map, "soakbox_x", &without("x/src/middle/deep.rs"));
        assert_eq!(
            lines,
            ["ARCHITECTURE.md:8: x/src has no file of `middle::deep`"]
        );
    }

    #[test]
    fn a_row_that_imports_one_below_fails() {
        let text = TEXT.replace("| values | |", "| values | `middle` |");
        let lines = broken_imports(&maps(&text)[0], "soakbox_x", &sources(&[]));
        let want = [
            "ARCHITECTURE.md:6: no row `middle` above `ground`",
            "ARCHITECTURE.md:6: `ground` does not import `middle`",
        ];
        assert_eq!(lines, want);
    }

    #[test]
    fn a_crate_outside_its_place_fails() {
        let lines = broken(&[(
            "x/src/main.rs",
            "use soakbox_x::middle::go;\nfn f(_: &aya::Ebpf) {}",
        )]);
        assert_eq!(lines, ["x/src/main.rs:2: `aya` must not be used here"]);
        let lines = broken(&[("x/src/middle/mod.rs", "mod deep; use crate::Value;")]);
        assert_eq!(
            lines,
            ["ARCHITECTURE.md:13: x/src/middle does not use `aya`"]
        );
    }
}
