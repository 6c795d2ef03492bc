//! The paths that a source file names, as paths from the root of its package.
//!
//! Items under `#[cfg(test)]` are left out: a test may import any module.

use crate::lexer::{Placed, Token, tokens};
use std::collections::BTreeSet;

/// A path that a file names, and where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Import {
    pub(crate) line: usize,
    /// From the package's root for its own items, otherwise from the other package's name on.
    pub(crate) path: Vec<String>,
    /// True for an item of this package.
    pub(crate) own: bool,
}

/// The paths that one file names, and the names that it exports.
#[derive(Debug, Default)]
pub(crate) struct File {
    pub(crate) imports: Vec<Import>,
    /// Names that `pub use` gives to paths of the package, with these paths.
    pub(crate) exports: Vec<(String, Vec<String>)>,
    /// Macros that the file exports at the package's root.
    pub(crate) macros: Vec<String>,
}

/// Reads the file of the module `module`, a path from the package's root. `package` is how the
/// package's own programs call its library.
pub(crate) fn read(source: &str, module: &[String], package: &str) -> File {
    let tokens = code(source);
    let mut reader = Reader {
        children: declared_modules(&tokens),
        tokens: &tokens,
        package,
        file: File::default(),
        modules: vec![(module.to_vec(), 0)],
        depth: 0,
    };
    reader.read();
    reader.file
}

/// The tokens of a file without the items that only tests have.
pub(crate) fn code(source: &str) -> Vec<Placed> {
    let tokens = tokens(source);
    let mut kept = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while at < tokens.len() {
        if is_test_attribute(&tokens[at..]) {
            at = item_end(&tokens, at);
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    kept
}

/// `#[cfg(test)]` or `#[test]`.
fn is_test_attribute(tokens: &[Placed]) -> bool {
    let text: String = tokens
        .iter()
        .take(7)
        .map(|(token, _)| match token {
            Token::Word(word) => word.clone(),
            Token::Mark(mark) => mark.to_string(),
            Token::Text(_) | Token::Path => " ".to_owned(),
        })
        .collect();
    text.starts_with("#[cfg(test)]") || text.starts_with("#[test]")
}

/// The index after the item that begins at `at`: after its block, or after its semicolon.
fn item_end(tokens: &[Placed], at: usize) -> usize {
    let mut depth = 0;
    for (index, (token, _)) in tokens.iter().enumerate().skip(at) {
        match token {
            Token::Mark('(' | '[' | '{') => depth += 1,
            Token::Mark(')' | ']' | '}') => {
                depth -= 1;
                if depth == 0 && *token == Token::Mark('}') {
                    return index + 1;
                }
            }
            Token::Mark(';') if depth == 0 => return index + 1,
            _ => {}
        }
    }
    tokens.len()
}

/// The modules that the file declares at its top: `mod name;`.
fn declared_modules(tokens: &[Placed]) -> BTreeSet<String> {
    let triples = tokens.windows(3);
    triples
        .filter_map(|triple| match triple {
            [
                (Token::Word(word), _),
                (Token::Word(name), _),
                (Token::Mark(';'), _),
            ] if word == "mod" => Some(name.clone()),
            _ => None,
        })
        .collect()
}

struct Reader<'a> {
    children: BTreeSet<String>,
    tokens: &'a [Placed],
    package: &'a str,
    file: File,
    /// The modules around the current token, each with the depth of braces at which it began.
    modules: Vec<(Vec<String>, usize)>,
    depth: usize,
}

impl Reader<'_> {
    fn read(&mut self) {
        let mut at = 0;
        while at < self.tokens.len() {
            at = self.step(at);
        }
        self.file.imports.sort();
        self.file.imports.dedup();
    }

    /// Handles the token at `at` and returns the index of the next one.
    fn step(&mut self, at: usize) -> usize {
        match &self.tokens[at].0 {
            Token::Mark('{') => self.depth += 1,
            Token::Mark('}') => {
                self.depth = self.depth.saturating_sub(1);
                if self.modules.len() > 1 && self.module().1 == self.depth {
                    self.modules.pop();
                }
            }
            Token::Word(word) if word == "mod" && self.mark(at + 2) == Some('{') => {
                if let Some(name) = self.word(at + 1) {
                    let mut path = self.module().0.clone();
                    path.push(name.to_owned());
                    self.modules.push((path, self.depth));
                }
            }
            Token::Word(word) if word == "macro_rules" && self.is_exported(at) => {
                let name = self.word(at + 2).map(str::to_owned);
                self.file.macros.extend(name);
            }
            Token::Word(word) if word == "use" => return self.tree_of_use(at),
            Token::Word(_) if self.is_path_start(at) => return self.path(at, false),
            _ => {}
        }
        at + 1
    }

    fn module(&self) -> &(Vec<String>, usize) {
        // `read` starts with one module, and `step` never pops the last one.
        &self.modules[self.modules.len() - 1]
    }

    fn word(&self, at: usize) -> Option<&str> {
        match self.tokens.get(at) {
            Some((Token::Word(word), _)) => Some(word),
            _ => None,
        }
    }

    fn mark(&self, at: usize) -> Option<char> {
        match self.tokens.get(at) {
            Some((Token::Mark(mark), _)) => Some(*mark),
            _ => None,
        }
    }

    fn is(&self, at: usize, token: &Token) -> bool {
        self.tokens.get(at).is_some_and(|(known, _)| known == token)
    }

    /// True for a word that begins a path of several segments.
    fn is_path_start(&self, at: usize) -> bool {
        let begins = at == 0 || !self.is(at - 1, &Token::Path);
        begins && self.is(at + 1, &Token::Path)
    }

    /// True for the `macro_rules` of a macro that has `#[macro_export]` among its attributes.
    fn is_exported(&self, at: usize) -> bool {
        let before = &self.tokens[at.saturating_sub(30)..at];
        let last_item = before
            .iter()
            .rposition(|(token, _)| matches!(token, Token::Mark('}' | ';')))
            .map_or(0, |index| index + 1);
        before[last_item..]
            .iter()
            .any(|(token, _)| *token == Token::Word("macro_export".to_owned()))
    }

    /// The tree of a `use` declaration at `at`.
    fn tree_of_use(&mut self, at: usize) -> usize {
        let exported =
            at > 0 && (self.word(at - 1) == Some("pub") || self.mark(at - 1) == Some(')'));
        self.path(at + 1, exported)
    }

    /// Reads a path or a tree of paths, and returns the index after it.
    fn path(&mut self, at: usize, exported: bool) -> usize {
        let mut leaves = Vec::new();
        let at = if self.is(at, &Token::Path) {
            at + 1
        } else {
            at
        };
        let end = self.tree(at, &[], &mut leaves);
        for (line, path, name) in leaves {
            if let Some(import) = self.resolved(line, &path) {
                if exported && import.own {
                    let name = name.unwrap_or_else(|| path[path.len() - 1].clone());
                    self.file.exports.push((name, import.path.clone()));
                }
                self.file.imports.push(import);
            }
        }
        end
    }

    /// Collects the leaves of a tree: their line, path and, if they have one, their new name.
    fn tree(
        &self,
        mut at: usize,
        prefix: &[String],
        leaves: &mut Vec<(usize, Vec<String>, Option<String>)>,
    ) -> usize {
        let mut path = prefix.to_vec();
        let mut line = self.tokens.get(at).map_or(0, |(_, line)| *line);
        loop {
            match self.tokens.get(at) {
                Some((Token::Word(word), here)) => {
                    line = *here;
                    path.push(word.clone());
                    at += 1;
                }
                Some((Token::Mark('{'), _)) => {
                    at += 1;
                    while at < self.tokens.len() && self.mark(at) != Some('}') {
                        let next = self.tree(at, &path, leaves);
                        at = next.max(at + 1);
                        if self.mark(at) == Some(',') {
                            at += 1;
                        }
                    }
                    return at + 1;
                }
                // `*` and the `<` of generic arguments end a path.
                Some((Token::Mark('*'), _)) => {
                    at += 1;
                    break;
                }
                _ => break,
            }
            if !self.is(at, &Token::Path) {
                break;
            }
            at += 1;
        }
        let name = (self.word(at) == Some("as"))
            .then(|| self.word(at + 1).map(str::to_owned))
            .flatten();
        if name.is_some() {
            at += 2;
        }
        leaves.push((line, path, name));
        at
    }

    /// The path from a root; `None` for a path to something local.
    fn resolved(&self, line: usize, path: &[String]) -> Option<Import> {
        let own = |path: Vec<String>| Import {
            line,
            path,
            own: true,
        };
        let first = path.first()?;
        let rest = || path[1..].iter().cloned();
        let module = &self.module().0;
        match first.as_str() {
            "crate" => Some(own(rest().collect())),
            "self" => Some(own(module.iter().cloned().chain(rest()).collect())),
            "super" => {
                let ups = path.iter().take_while(|word| *word == "super").count();
                let base = &module[..module.len().saturating_sub(ups)];
                let path = base.iter().chain(&path[ups..]).cloned();
                Some(own(path.collect()))
            }
            "Self" => None,
            first if first == self.package => Some(own(rest().collect())),
            first if self.modules.len() == 1 && self.children.contains(first) => {
                Some(own(module.iter().chain(path).cloned().collect()))
            }
            _ => Some(Import {
                line,
                path: path.to_vec(),
                own: false,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(source: &str, module: &str) -> Vec<(usize, String)> {
        let module: Vec<String> = module.split("::").map(str::to_owned).collect();
        let file = read(source, &module, "soakbox_x");
        let own = file.imports.into_iter().filter(|import| import.own);
        own.map(|import| (import.line, import.path.join("::")))
            .collect()
    }

    fn want(paths: &[(usize, &str)]) -> Vec<(usize, String)> {
        let paths = paths.iter();
        paths
            .map(|(line, path)| (*line, (*path).to_owned()))
            .collect()
    }

    #[test]
    fn trees_and_expressions_are_both_paths() {
        let source = "use crate::{a::{self, B as C},\n d::*};\nfn f() { g(crate::h::i::<u8>(), $crate::j!()); }";
        let paths = [(1, "a::B"), (1, "a::self"), (2, "d"), (3, "h::i"), (3, "j")];
        assert_eq!(own(source, "m"), want(&paths));
    }

    #[test]
    fn relative_paths_start_at_their_module() {
        let source = "mod child;\nuse super::super::a;\nuse self::b::c;\nuse child::D;\nmod inner {\n use super::e;\n}\nuse super::g;";
        let paths = [
            (2, "a"),
            (3, "m::n::b::c"),
            (4, "m::n::child::D"),
            (6, "m::n::e"),
            (8, "m::g"),
        ];
        assert_eq!(own(source, "m::n"), want(&paths));
        assert_eq!(own("use soakbox_x::a::B;", "main"), want(&[(1, "a::B")]));
    }

    #[test]
    fn tests_and_what_looks_like_a_path_are_left_out() {
        let source = "#[cfg(test)]\n#[path = \"x.rs\"]\nmod tests { use crate::a; }\n#[cfg(test)]\nuse crate::b::{c, d};\n// crate::e\nlet f = \"crate::g\"; h.crate_i; #[cfg(test)] fn j() -> [u8; 2] { crate::k() } use crate::l;";
        assert_eq!(own(source, "m"), want(&[(7, "l")]));
    }

    #[test]
    fn exports_lead_to_their_modules() {
        let source = "mod a;\npub use a::{B, c as d};\npub(crate) use crate::e::F;\nuse a::g;\n#[macro_export]\nmacro_rules! h { () => {} }\nmacro_rules! i { () => {} }";
        let file = read(source, &[], "soakbox_x");
        let exports: Vec<String> = file
            .exports
            .iter()
            .map(|(name, path)| format!("{name} = {}", path.join("::")))
            .collect();
        assert_eq!(exports, ["B = a::B", "d = a::c", "F = e::F"]);
        assert_eq!(file.macros, ["h"]);
    }
}
