//! Names of Go functions as people write them, against names as the file has them.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::super::suggest;

/// Most names that are suggested because they differ only in type arguments, pointers and packages.
const MOST: usize = 4;

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

/// Names close to one that means no function, the closest first: a generic function by the name of
/// all its instances. `Sum[int]` and `List.Push` are close to `main.Sum[...]` and
/// `main.(*List[...]).Push`.
pub(super) fn near<'a>(written: &str, names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let general: BTreeSet<Cow<'_, str>> = names.map(general).collect();
    let wanted = plain(written);
    let is_same = |name: &&Cow<'_, str>| {
        let name = plain(name);
        let before = name.strip_suffix(wanted.as_str());
        before.is_some_and(|before| before.is_empty() || before.ends_with(['.', '/']))
    };
    let same = general.iter().filter(is_same).take(MOST);
    let same: Vec<String> = same.map(|name| name.clone().into_owned()).collect();
    if !wanted.is_empty() && !same.is_empty() {
        return same;
    }
    let short = |name: &Cow<'_, str>| with_arguments(name, "");
    let by_short: BTreeMap<String, &Cow<'_, str>> =
        general.iter().map(|name| (short(name), name)).collect();
    let written = with_arguments(written, "");
    let near = suggest::nearest(&written, by_short.keys().map(String::as_str));
    let near = near.iter().filter_map(|name| by_short.get(name.as_str()));
    near.map(|name| name.to_string()).collect()
}

/// The name without type arguments and without the signs of a pointer: `main.List.Push` of
/// `main.(*List[...]).Push`.
fn plain(name: &str) -> String {
    let name = with_arguments(name, "");
    name.replace(['(', ')', '*'], "")
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
    fn a_generic_function_is_suggested_by_the_name_of_all_its_instances() {
        let names = [
            "main.Sum[go.shape.int]",
            "main.Sum[go.shape.string]",
            "main.(*M[...]).Put",
            "main.M2.Put",
            "main.Summary",
            "example.com/a%2eb.Get",
        ];
        for (written, expected) in [
            ("main.Sum[int]", "main.Sum[...]"),
            ("Sum[string]", "main.Sum[...]"),
            ("M.Put", "main.(*M[...]).Put"),
            ("main.M[int].Put", "main.(*M[...]).Put"),
            ("a.b.Get", "example.com/a.b.Get"),
            ("main.Sumary", "main.Summary"),
            ("main.Sumn", "main.Sum[...]"),
        ] {
            assert_eq!(near(written, names.into_iter())[0], expected, "{written}");
        }
        assert!(near("", names.into_iter()).is_empty());
        assert!(near("()", names.into_iter()).is_empty());
    }

    #[test]
    fn only_whole_escapes_are_undone() {
        assert_eq!(readable("a%2eb%zz%2"), "a.b%zz%2");
        assert_eq!(readable("a%ffb"), "a%ffb", "not text");
    }
}
