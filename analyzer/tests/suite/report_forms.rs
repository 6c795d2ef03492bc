//! The forms of a report for programs, several files in one run, thresholds, and the report of a release.

use std::fs;
use std::path::Path;

use serde_json::Value;
use soakbox_testing::Soak;

use crate::program::{printed, refused};

struct Place(tempfile::TempDir);

impl Place {
    /// Recordings `base`, and `slower`.
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        let base = Soak {
            seconds: 240,
            ..Soak::default()
        };
        let slower = Soak {
            scale: 1.3,
            seed: 2,
            ..base
        };
        base.seal(Path::new(&place.at("base")));
        slower.seal(Path::new(&place.at("slower")));
        place
    }

    fn at(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.at(name)).unwrap()
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_str(&self.read(name)).unwrap()
    }

    fn release(&self, text: &str) -> String {
        fs::write(self.at("release.toml"), text).unwrap();
        self.at("release.toml")
    }
}

fn document(xml: &str) -> roxmltree::Document<'_> {
    roxmltree::Document::parse(xml).unwrap()
}

fn suites<'a>(document: &'a roxmltree::Document<'a>) -> Vec<(&'a str, u32, u32)> {
    let number =
        |node: &roxmltree::Node<'_, '_>, name| node.attribute(name).unwrap().parse().unwrap();
    document
        .descendants()
        .filter(|node| node.has_tag_name("testsuite"))
        .map(|node| {
            let name = node.attribute("name").unwrap();
            (name, number(&node, "failures"), number(&node, "errors"))
        })
        .collect()
}

#[test]
fn one_run_writes_all_forms_and_each_is_that_of_its_command() {
    let place = Place::new();
    let (base, slower) = (place.at("base"), place.at("slower"));
    // The end of a name means the same in capital letters.
    let files = ["page.html", "page.MD", "page.json", "page.xml"].map(|name| place.at(name));
    let outputs: Vec<&str> = files.iter().flat_map(|file| ["-o", file]).collect();
    printed(&[&["report", &base, "--against", &slower][..], &outputs].concat());
    assert!(place.read("page.html").starts_with("<!DOCTYPE html>"));
    assert!(place.read("page.MD").starts_with("# slower against base"));
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_soakbox-analyzer"))
        .args(["compare", &base, "--against", &slower])
        .args(["--format", "junit", "--json", &place.at("compare.json")])
        .output()
        .unwrap();
    assert_eq!(place.json("page.json"), place.json("compare.json"));
    assert_eq!(
        place.read("page.xml"),
        String::from_utf8(output.stdout).unwrap()
    );

    printed(&[&["report", &slower][..], &outputs].concat());
    let soak: Value =
        serde_json::from_str(&printed(&["soak", &slower, "--format", "json"])).unwrap();
    assert_eq!(place.json("page.json"), soak);
    let xml = place.read("page.xml");
    let junit = document(&xml);
    let cases = junit
        .descendants()
        .filter(|node| node.has_tag_name("testcase"));
    let findings = soak["findings"].as_array().unwrap();
    assert_eq!(cases.count(), findings.len());
    let found = findings
        .iter()
        .filter(|one| one["status"] == "found")
        .count();
    assert_eq!(suites(&junit), [("soakbox soak", found as u32, 0)]);
}

#[test]
fn thresholds_decide_as_in_compare() {
    let place = Place::new();
    let (base, slower) = (place.at("base"), place.at("slower"));
    fs::write(
        place.at("own.toml"),
        "[thresholds]\nduration_p50 = \"50%\"\n",
    )
    .unwrap();
    for flags in [
        &[][..],
        &["--threshold", "50%"],
        &["--threshold", "1%", "--metric", "duration_p50"],
        &[
            "--config",
            &place.at("own.toml"),
            "--operation",
            "rule_refresh",
        ],
    ] {
        let arguments = [&base, "--against", &slower];
        let report = [&["report"][..], &arguments, flags].concat();
        let found = printed(&[&report[..], &["-o", "-", "--format", "json"]].concat());
        let compared = std::process::Command::new(env!("CARGO_BIN_EXE_soakbox-analyzer"))
            .arg("compare")
            .args(arguments)
            .args(flags)
            .args(["--format", "json"])
            .output()
            .unwrap();
        let compared = String::from_utf8(compared.stdout).unwrap();
        assert!(compared.contains("soakbox.verdict"), "{flags:?}");
        assert_eq!(found, compared, "{flags:?}");
    }
    let message = refused(&["report", &base, "-o", "-", "--threshold", "5%"]);
    assert!(message.contains("there is one recording"), "{message}");
}

#[test]
fn a_release_has_one_verdict_and_a_page_for_each_comparison() {
    let place = Place::new();
    let file = place.release(
        "title = \"Release <1.4>\"\n[[comparison]]\ntitle = \"same | as before\"\nbase = \"base\"\n\
         candidate = \"base\"\n[[comparison]]\ntitle = \"HTTP <2>\"\nbase = [\"base\"]\n\
         candidate = [\"slower\"]\n",
    );
    let files = ["all.html", "all.md", "all.json", "all.xml"].map(|name| place.at(name));
    let outputs: Vec<&str> = files.iter().flat_map(|file| ["-o", file]).collect();
    printed(&[&["report", "--release", &file][..], &outputs].concat());

    let page = place.read("all.html");
    assert!(page.contains("<h1>Release &lt;1.4&gt;</h1>"));
    assert!(page.contains("<h2 id=\"comparison-2-title\">HTTP &lt;2&gt;</h2>"));
    assert!(page.contains("1 of 2 comparisons is worse"));
    assert!(page.contains("<strong class=\"word\">WORSE RUN</strong>"));
    // Every id is once on the page, and every link of the page leads to one.
    let ids = |attribute: &str| -> Vec<String> {
        let parts = page.split(attribute).skip(1);
        parts
            .map(|rest| rest.split('"').next().unwrap().to_owned())
            .collect()
    };
    let all = ids(" id=\"");
    let mut unique = all.clone();
    unique.sort();
    unique.dedup();
    assert_eq!(unique.len(), all.len());
    let links = ids(" href=\"#");
    assert_eq!(links.len(), 2);
    assert!(links.iter().all(|link| all.contains(link)), "{links:?}");

    let json = place.json("all.json");
    assert_eq!(json["schema"], "soakbox.release/1");
    let verdicts: Vec<&Value> = json["comparisons"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["answer"]["verdict"])
        .collect();
    assert_eq!(verdicts[1], "worse_run", "{verdicts:?}");
    let xml = place.read("all.xml");
    let junit = document(&xml);
    let suites = suites(&junit);
    assert_eq!(suites[0].0, "same | as before");
    assert!(suites[1].1 > 0, "{suites:?}");
    let plain = place
        .read("all.md")
        .replace(place.0.path().to_str().unwrap(), "PLACE");
    insta::assert_snapshot!("report_release_markdown", plain);
}

#[test]
fn a_release_that_cannot_be_read_names_its_reason() {
    let place = Place::new();
    for (text, reason) in [
        ("", "names no comparison"),
        (
            "[[comparison]]\ntitle = \"a\"\nbase = \"b\"\n",
            "missing field `candidate`",
        ),
        (
            "[[comparison]]\ntitle = \"a\"\nbase = \"base\"\ncandidate = \"base\"\n\
             [[comparison]]\ntitle = \"b\"\nbase = \"base\"\ncandidate = \"none\"\n",
            &format!("release.toml: \"b\": {}: no such file", place.at("none")),
        ),
    ] {
        let file = place.release(text);
        let message = refused(&["report", "--release", &file, "-o", "-"]);
        assert!(message.contains(reason), "{text}: {message}");
    }
    let file = place.release("[[comparison]]");
    let message = refused(&["report", &place.at("base"), "--release", &file, "-o", "-"]);
    assert!(message.contains("cannot be used with"), "{message}");
    let page = place.at("x.html");
    let dotted = place.at("./x.html");
    std::os::unix::fs::symlink("x.html", place.at("link.html")).unwrap();
    for other in [&page, &dotted, &place.at("link.html")] {
        let twice = refused(&["report", &place.at("base"), "-o", &page, "-o", other]);
        assert!(twice.contains("named by two"), "{twice}");
        // Also where the file exists already, and where it cannot be replaced.
        fs::write(&page, "").unwrap();
        let twice = refused(&["report", &place.at("base"), "-o", &page, "-o", other]);
        assert!(twice.contains("named by two"), "{twice}");
        fs::remove_file(&page).unwrap();
    }
    let both = ["report", &place.at("base"), "-o", "-", "-o", "-"];
    assert!(refused(&both).contains("named by two"));
    let untitled = refused(&["report", &place.at("base"), "-o", &page, "--title", " "]);
    assert!(untitled.contains("--title: is empty"), "{untitled}");
    fs::write(place.at("binary.toml"), b"title = \"\xff\"").unwrap();
    let binary = refused(&["report", "--release", &place.at("binary.toml"), "-o", "-"]);
    assert!(binary.contains("is not UTF-8"), "{binary}");
    let endless = refused(&["report", "--release", "/dev/zero", "-o", "-"]);
    assert!(endless.contains("is larger than 16 MiB"), "{endless}");
    let other = place.at("y.md");
    let format = ["--format", "json"];
    let two = ["report", &place.at("base"), "-o", &page, "-o", &other];
    let message = refused(&[&two[..], &format].concat());
    assert!(message.contains("is the format of one file"), "{message}");
    let message = refused(&["report", "-o", &page]);
    assert!(message.contains("<DIR>"), "{message}");
}
