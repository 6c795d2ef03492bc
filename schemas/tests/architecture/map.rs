//! The tables of ARCHITECTURE.md: which module may import which, and which crate may be used where.

/// A module, with the modules that it may import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    /// Line in ARCHITECTURE.md, counted from 1.
    pub(crate) line: usize,
    /// Path from the package's root, for instance `["probe", "kind"]`.
    pub(crate) module: Vec<String>,
    pub(crate) imports: Vec<Vec<String>>,
}

/// The modules of one source folder, those that import no other first.
#[derive(Debug, Default)]
pub(crate) struct Map {
    /// From the repository's root, for instance `recorder/src`.
    pub(crate) folder: String,
    pub(crate) rows: Vec<Row>,
}

/// A crate that only some places may use.
#[derive(Debug)]
pub(crate) struct Confined {
    pub(crate) line: usize,
    pub(crate) name: String,
    /// Folders or files, from the repository's root.
    pub(crate) places: Vec<String>,
}

/// The maps: one for each heading that is a source folder in backticks, from the table below it.
pub(crate) fn maps(text: &str) -> Vec<Map> {
    let mut maps: Vec<Map> = Vec::new();
    let mut lines = (1..).zip(text.lines()).peekable();
    while let Some((_, heading)) = lines.next() {
        let folder = quoted(heading)
            .into_iter()
            .find(|name| name.ends_with("src"));
        let Some(folder) = folder.filter(|_| heading.starts_with('#')) else {
            continue;
        };
        let mut rows = Vec::new();
        while lines
            .next_if(|(_, text)| !text.starts_with(['|', '#']))
            .is_some()
        {}
        while let Some((line, text)) = lines.next_if(|(_, text)| text.starts_with('|')) {
            rows.extend(row(line, text));
        }
        maps.push(Map { folder, rows });
    }
    maps
}

/// The row of a module; `None` for the heading of the table.
fn row(line: usize, text: &str) -> Option<Row> {
    let cells = cells(text)?;
    let path = |name: &String| name.split("::").map(str::to_owned).collect();
    match quoted(cells.first()?).as_slice() {
        [name] => Some(Row {
            line,
            module: path(name),
            imports: quoted(cells.last()?).iter().map(path).collect(),
        }),
        _ => None,
    }
}

/// The rows of the table whose heading begins with `| crate |`.
pub(crate) fn confined(text: &str) -> Vec<Confined> {
    let lines = (1..).zip(text.lines());
    lines
        .skip_while(|(_, text)| !text.starts_with("| crate |"))
        .skip(2)
        .map_while(|(line, text)| Some((line, cells(text)?)))
        .map(|(line, cells)| Confined {
            line,
            name: quoted(cells[0]).join(""),
            places: quoted(cells[cells.len() - 1]),
        })
        .collect()
}

fn cells(line: &str) -> Option<Vec<&str>> {
    let inside = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    Some(inside.split('|').collect())
}

/// The texts in backticks.
fn quoted(text: &str) -> Vec<String> {
    let odd = text.split('`').skip(1).step_by(2);
    odd.map(str::to_owned).collect()
}
