//! The file that names the comparisons of a release, in TOML. Pure.

use std::path::{Path, PathBuf};

use serde::Deserialize;

/// Most comparisons of a release.
const MOST: usize = 100;

/// Comparisons to report together.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseFile {
    /// The title of the report.
    pub title: Option<String>,
    /// In their order on the page.
    #[serde(default, rename = "comparison")]
    pub comparisons: Vec<NamedComparison>,
}

/// One of the comparisons.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NamedComparison {
    /// Its title.
    pub title: String,
    /// Recordings of the base.
    #[serde(deserialize_with = "one_or_several")]
    pub base: Vec<PathBuf>,
    /// Recordings of the candidate.
    #[serde(deserialize_with = "one_or_several")]
    pub candidate: Vec<PathBuf>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrSeveral {
    One(PathBuf),
    Several(Vec<PathBuf>),
}

fn one_or_several<'de, D>(from: D) -> Result<Vec<PathBuf>, D::Error>
where
    D: serde::Deserializer<'de>,
{
    Ok(match OneOrSeveral::deserialize(from)? {
        OneOrSeveral::One(path) => vec![path],
        OneOrSeveral::Several(paths) => paths,
    })
}

fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}

impl ReleaseFile {
    /// Parses the file's text. Paths are those of the file.
    ///
    /// # Errors
    /// With the reason, where the text is not such a file.
    pub fn parse(text: &str) -> Result<Self, String> {
        let file: Self = toml::from_str(text).map_err(|error| {
            let message = error.message().trim_end().to_owned();
            match error.span() {
                Some(span) => {
                    let before = text.get(..span.start).unwrap_or(text);
                    let line = before.matches('\n').count() + 1;
                    format!("line {line}: {message}")
                }
                None => message,
            }
        })?;
        match file.comparisons.len() {
            0 => return Err("names no comparison".to_owned()),
            more if more > MOST => {
                return Err(format!("names {more} comparisons, and a report has {MOST}"));
            }
            _ => {}
        }
        if file.title.as_deref().is_some_and(is_blank) {
            return Err("its title is empty".to_owned());
        }
        for (number, one) in (1..).zip(&file.comparisons) {
            if is_blank(&one.title) {
                return Err(format!("the title of comparison {number} is empty"));
            }
            let mut earlier = file.comparisons.iter().take(number - 1);
            if earlier.any(|other| other.title == one.title) {
                return Err(format!("two comparisons have the title {:?}", one.title));
            }
            for (side, paths) in [("base", &one.base), ("candidate", &one.candidate)] {
                if paths.iter().all(|path| path.as_os_str().is_empty()) {
                    return Err(format!("the comparison {:?} has no {side}", one.title));
                }
                if paths.iter().any(|path| path.as_os_str().is_empty()) {
                    let title = &one.title;
                    return Err(format!("a {side} of the comparison {title:?} is empty"));
                }
            }
        }
        Ok(file)
    }

    /// The same file with its paths relative to its directory.
    #[must_use]
    pub fn within(mut self, directory: &Path) -> Self {
        for one in &mut self.comparisons {
            for path in one.base.iter_mut().chain(&mut one.candidate) {
                *path = directory.join(&*path);
            }
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_side_is_one_path_or_several() {
        let text = "title = \"1.4\"\n[[comparison]]\ntitle = \"HTTP\"\nbase = \"old\"\n\
                    candidate = [\"new/1\", \"/abs\"]\n";
        let file = ReleaseFile::parse(text).unwrap().within(Path::new("here"));
        assert_eq!(file.title.as_deref(), Some("1.4"));
        assert_eq!(file.comparisons[0].base, [Path::new("here/old")]);
        let candidates = [Path::new("here/new/1"), Path::new("/abs")];
        assert_eq!(file.comparisons[0].candidate, candidates);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        for (text, reason) in [
            ("", "names no comparison"),
            ("titel = \"x\"", "line 1: unknown field `titel`"),
            (
                "[[comparison]]\ntitle = \"a\"\nbase = \"b\"\n",
                "missing field `candidate`",
            ),
            (
                "[[comparison]]\ntitle = \"a\"\nbase = []\ncandidate = \"c\"\n",
                "the comparison \"a\" has no base",
            ),
            (
                "[[comparison]]\ntitle = \"a\"\nbase = 3\ncandidate = \"c\"\n",
                "line 3",
            ),
            ("\n[[comparison", "line 2"),
            (
                "[[comparison]]\ntitle = \"a\"\nbase = \"\"\ncandidate = \"c\"\n",
                "the comparison \"a\" has no base",
            ),
            (
                "[[comparison]]\ntitle = \"a\"\nbase = \"b\"\ncandidate = [\"c\", \"\"]\n",
                "a candidate of the comparison \"a\" is empty",
            ),
            (
                "[[comparison]]\ntitle = \" \"\nbase = \"b\"\ncandidate = \"c\"\n",
                "the title of comparison 1 is empty",
            ),
            (
                "[[comparison]]\ntitle = \"a\"\nbase = \"b\"\ncandidate = \"c\"\n\
                 [[comparison]]\ntitle = \"a\"\nbase = \"b\"\ncandidate = \"c\"\n",
                "two comparisons have the title \"a\"",
            ),
            (
                "title = \"\"\n[[comparison]]\ntitle = \"a\"\nbase = \"b\"\ncandidate = \"c\"\n",
                "its title is empty",
            ),
        ] {
            let found = ReleaseFile::parse(text).unwrap_err();
            assert!(found.contains(reason), "{text:?}: {found}");
        }
    }
}
