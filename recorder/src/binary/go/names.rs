//! Names of Go functions as people write them, against names as the file has them.

use std::borrow::Cow;

/// Whether a person who writes `written` means the function that the file calls `name`.
///
/// The package's path may be shortened at a `/`: `etcdserver.(*EtcdServer).Put` means
/// `go.etcd.io/etcd/etcdserver.(*EtcdServer).Put`. `Map` and `Map[...]` mean all instances of a
/// generic function, whose names are `Map[go.shape.int]` and the like since Go 1.21.
pub(super) fn means(written: &str, name: &str) -> bool {
    let matches = |name: &str| {
        let before = name.strip_suffix(written);
        before.is_some_and(|before| before.is_empty() || before.ends_with('/'))
    };
    !written.is_empty() && forms(name).iter().any(|form| matches(form))
}

/// Whether `written` is the whole of a name, not one that is shortened at a `/`.
pub(super) fn is_whole(written: &str, name: &str) -> bool {
    forms(name).iter().any(|form| form == written)
}

/// The forms of a name: as the file has it, as the source has it, for all instances of a generic
/// function, and without type arguments.
fn forms(name: &str) -> [Cow<'_, str>; 4] {
    [
        Cow::Borrowed(name),
        readable(name),
        general(name),
        Cow::Owned(with_arguments(&readable(name), "")),
    ]
}

/// The name that all instances of a generic function share: `main.Map[...]`.
pub(super) fn general(name: &str) -> Cow<'_, str> {
    let name = readable(name);
    if name.contains('[') {
        Cow::Owned(with_arguments(&name, "[...]"))
    } else {
        name
    }
}

/// The name with `arguments` in place of each list of type arguments.
fn with_arguments(name: &str, arguments: &str) -> String {
    let mut result = String::with_capacity(name.len());
    let mut depth = 0usize;
    for character in name.chars() {
        match character {
            '[' => {
                if depth == 0 {
                    result.push_str(arguments);
                }
                depth += 1;
            }
            ']' => depth = depth.saturating_sub(1),
            _ if depth == 0 => result.push(character),
            _ => {}
        }
    }
    result
}

/// The name as it is in the source, `gopkg.in/yaml.v3.Unmarshal`, of a name in the file,
/// `gopkg.in/yaml%2ev3.Unmarshal`.
pub(super) fn readable(name: &str) -> Cow<'_, str> {
    if !name.contains('%') {
        return Cow::Borrowed(name);
    }
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let escaped = after.get(..2).filter(|_| *byte == b'%').and_then(|digits| {
            let digits = std::str::from_utf8(digits).ok()?;
            u8::from_str_radix(digits, 16).ok()
        });
        match escaped {
            Some(escaped) => {
                bytes.push(escaped);
                rest = &after[2..];
            }
            None => {
                bytes.push(*byte);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).map_or(Cow::Borrowed(name), Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_meant_in_the_ways_that_people_write_it() {
        for (written, name) in [
            ("main.main", "main.main"),
            ("gopkg.in/yaml.v3.Unmarshal", "gopkg.in/yaml%2ev3.Unmarshal"),
            (
                "gopkg.in/yaml%2ev3.Unmarshal",
                "gopkg.in/yaml%2ev3.Unmarshal",
            ),
            ("yaml.v3.Unmarshal", "gopkg.in/yaml%2ev3.Unmarshal"),
            (
                "etcdserver.(*EtcdServer).Put",
                "go.etcd.io/etcd/etcdserver.(*EtcdServer).Put",
            ),
            ("main.Map[...]", "main.Map[...]"),
            ("main.Map", "main.Map[...]"),
            ("main.Map", "main.Map[go.shape.[]int,go.shape.string]"),
            ("main.Map[...]", "main.Map[go.shape.map[string]int]"),
            ("main.Map[go.shape.int]", "main.Map[go.shape.int]"),
            (
                "main.(*List[...]).Push.func1",
                "main.(*List[go.shape.int]).Push.func1",
            ),
            ("main.(*List).Push", "main.(*List[...]).Push"),
            (
                "main.(*List[...]).Push.func1",
                "main.(*List[...]).Push.func1",
            ),
            ("main.f.func2.1", "main.f.func2.1"),
        ] {
            assert!(means(written, name), "{written} for {name}");
        }
    }

    #[test]
    fn a_part_of_a_name_is_no_name() {
        for (written, name) in [
            ("ain.main", "main.main"),
            ("main", "main.main"),
            (
                "server.(*EtcdServer).Put",
                "go.etcd.io/etcd/etcdserver.(*EtcdServer).Put",
            ),
            ("main.Map[int]", "main.Map[...]"),
            ("main.Map[go.shape.int]", "main.Map[go.shape.string]"),
            ("", "main.main"),
            ("main.f", "main.f.func1"),
        ] {
            assert!(!means(written, name), "{written} for {name}");
        }
    }

    #[test]
    fn only_whole_escapes_are_undone() {
        assert_eq!(readable("a%2eb%zz%2"), "a.b%zz%2");
        assert_eq!(readable("a%ffb"), "a%ffb", "not text");
    }
}
