//! The readable path in a mangled name: `krate::module::function` (Rust, both schemes) and `space::function` (C++).
//!
//! Only names without generics or parameters of their own are read; whatever else a name holds, it is not a path and
//! must be given as it is mangled. Never a guess: a name is read to its end or not at all.

/// The path that the symbol stands for, where it is a plain one.
pub fn path(symbol: &str) -> Option<String> {
    if let Some(rest) = symbol.strip_prefix("_R") {
        let mut reader = Reader { rest };
        let mut pieces = Vec::new();
        reader.rust_path(&mut pieces, 0)?;
        let ended = reader.rest.is_empty() || reader.rest.starts_with(['.', 'C']);
        return ended.then(|| pieces.join("::"));
    }
    let rest = symbol.strip_prefix("_Z")?;
    let nested = rest.strip_prefix('N');
    let mut reader = Reader {
        rest: nested.unwrap_or(rest),
    };
    let mut pieces = Vec::new();
    while let Some(piece) = reader.counted() {
        pieces.push(piece);
        if nested.is_none() {
            break;
        }
    }
    if nested.is_some() && !reader.rest.starts_with('E') {
        return None;
    }
    let is_hash = |piece: &&str| {
        piece.len() == 17
            && piece.starts_with('h')
            && piece[1..].bytes().all(|b| b.is_ascii_hexdigit())
    };
    if pieces.len() > 1 && pieces.last().is_some_and(is_hash) {
        pieces.pop();
    }
    (!pieces.is_empty()).then(|| pieces.join("::").replace("..", "::"))
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    /// A decimal length and that many bytes.
    fn counted(&mut self) -> Option<&'a str> {
        let digits = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        let length: usize = self.rest.get(..digits)?.parse().ok()?;
        // In Rust's scheme an underscore keeps the length apart from a name that starts with a digit or one.
        let start = digits;
        let end = start.checked_add(length)?;
        let piece = self.rest.get(start..end)?;
        self.rest = &self.rest[end..];
        (!piece.is_empty()).then_some(piece)
    }

    /// `N` namespace path identifier, or `C` identifier.
    fn rust_path(&mut self, pieces: &mut Vec<&'a str>, depth: u32) -> Option<()> {
        const DEEPEST: u32 = 64;
        if depth > DEEPEST {
            return None;
        }
        match self.next()? {
            'C' => {}
            'N' => {
                // Closures and shims (upper case) have no path that one could write.
                if !self.next()?.is_ascii_lowercase() {
                    return None;
                }
                self.rust_path(pieces, depth + 1)?;
            }
            _ => return None,
        }
        if let Some(rest) = self.rest.strip_prefix('s') {
            self.rest = rest.split_once('_')?.1;
        }
        let digits = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        if self.rest.get(digits..)?.starts_with('_') {
            let length: usize = self.rest.get(..digits)?.parse().ok()?;
            let rest = self.rest.get(digits + 1..)?;
            pieces.push(rest.get(..length)?);
            self.rest = &rest[length..];
        } else {
            pieces.push(self.counted()?);
        }
        Some(())
    }

    fn next(&mut self) -> Option<char> {
        let first = self.rest.chars().next()?;
        self.rest = &self.rest[first.len_utf8()..];
        Some(first)
    }
}

#[cfg(test)]
mod tests {
    use super::path;

    #[test]
    fn plain_paths_are_read_and_nothing_else() {
        for (symbol, expected) in [
            (
                "_ZN5tokio7runtime4task3raw8schedule17h58283b0d59863309E",
                Some("tokio::runtime::task::raw::schedule"),
            ),
            ("_ZN3foo3barEi", Some("foo::bar")),
            ("_Z4workid", Some("work")),
            ("_RNvCs1234_7mycrate3foo", Some("mycrate::foo")),
            (
                "_RNvNtCs4fqI2P2rA04_7mycrate6module4func",
                Some("mycrate::module::func"),
            ),
            (
                "_RNvNtCs4fqI2P2rA04_7mycrate6module5_9lead",
                Some("mycrate::module::9lead"),
            ),
            ("_RINvCs1_7mycrate3fooiE", None),
            ("_RNCNvCs1_7mycrate3foo0B3_", None),
            ("_ZN3fooIiE3barEv", None),
            ("_ZN", None),
            ("_Z99x", None),
            ("_RNv", None),
            ("main", None),
            ("", None),
        ] {
            assert_eq!(path(symbol).as_deref(), expected, "{symbol}");
        }
    }
}
