//! Reports of every kind that the browser tests open.

use std::fs;
use std::path::Path;

use crate::program::printed;
use soakbox_testing::Soak;

/// A directory with a page of each kind.
pub(crate) struct Pages(tempfile::TempDir);

impl Pages {
    pub(crate) const ALL: [&str; 3] = ["soak.html", "comparison.html", "release.html"];

    pub(crate) fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        let base = Soak {
            seconds: 70,
            ..Soak::default()
        };
        let slower = Soak {
            gap_at: Some(30),
            lost: 2,
            slowdown: 1.5,
            seed: 2,
            ..base
        };
        base.seal(&place.root().join("base"));
        slower.seal(&place.root().join("slower"));
        let release = "title = \"Release 1.4\"\n\
            [[comparison]]\ntitle = \"HTTP\"\nbase = \"base\"\ncandidate = \"slower\"\n\
            [[comparison]]\ntitle = \"mTLS\"\nbase = \"base\"\ncandidate = [\"base\"]\n";
        fs::write(place.root().join("release.toml"), release).unwrap();
        let at = |name: &str| place.root().join(name).to_str().unwrap().to_owned();
        let (base, slower) = (at("base"), at("slower"));
        printed(&["report", &slower, "-o", &at("soak.html")]);
        let comparison = at("comparison.html");
        printed(&["report", &base, "--against", &slower, "-o", &comparison]);
        let release = ["report", "--release", &at("release.toml")];
        printed(&[&release[..], &["-o", &at("release.html")]].concat());
        place
    }

    pub(crate) fn root(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.root().join(name)).unwrap()
    }
}

/// The page without what forbids other scripts, so that a test can add its own.
pub(crate) fn without_policy(page: &str) -> String {
    let begin = page
        .find("<meta http-equiv=\"Content-Security-Policy\"")
        .unwrap();
    let end = begin + page[begin..].find('>').unwrap() + 1;
    format!("{}{}", &page[..begin], &page[end..])
}
