//! `report` besides its page: Markdown, a title and a header of one's own, and showing the file.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use crate::program::{printed, refused, text};
use soakbox_testing::Soak;

struct Place(tempfile::TempDir);

impl Place {
    /// Two recordings, `base` and `slower`.
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        let base = Soak {
            seconds: 70,
            ..Soak::default()
        };
        base.seal(&place.0.path().join("base"));
        let slower = Soak {
            slowdown: 1.5,
            lost: 2,
            gap_at: Some(30),
            seed: 2,
            ..base
        };
        slower.seal(&place.0.path().join("slower"));
        place
    }

    fn at(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.at(name)).unwrap()
    }

    /// `report --open` with a program in place of xdg-open.
    fn opened(&self, script: Option<&str>) -> Output {
        let programs = self.0.path().join("programs");
        fs::create_dir_all(&programs).unwrap();
        let opener = programs.join("xdg-open");
        let _ = fs::remove_file(&opener);
        if let Some(script) = script {
            fs::write(&opener, format!("#!/bin/sh\n{script}\n")).unwrap();
            fs::set_permissions(&opener, fs::Permissions::from_mode(0o755)).unwrap();
        }
        Command::new(env!("CARGO_BIN_EXE_soakbox-analyzer"))
            .args(["report", &self.at("base"), "--open", "--output=-page.html"])
            .env("PATH", &programs)
            .env("SHOWN", self.at("shown"))
            .current_dir(self.0.path())
            .output()
            .unwrap()
    }
}

#[test]
fn a_summary_is_markdown_by_its_name_or_by_its_format() {
    let place = Place::new();
    let (base, slower) = (place.at("base"), place.at("slower"));
    printed(&["report", &slower, "-o", &place.at("soak.md")]);
    let soak = place.read("soak.md");
    let output = printed(&["report", &slower, "-o", "-", "--format", "markdown"]);
    assert_eq!(output, soak);
    let arguments = ["report", &base, "--against", &slower, "--format=markdown"];
    let both = printed(&[&arguments[..], &["-o", "-"]].concat());
    let plain = |text: &str| text.replace(place.0.path().to_str().unwrap(), "PLACE");
    insta::assert_snapshot!("report_markdown", plain(&soak));
    insta::assert_snapshot!("report_markdown_against", plain(&both));
}

#[test]
fn a_title_and_a_header_are_on_top() {
    let place = Place::new();
    let (base, page) = (place.at("base"), place.at("page.html"));
    let header = "<p id=\"team\">Team <b>A</b></p>";
    fs::write(place.at("header.html"), header).unwrap();
    let title = ["--title", "Release <1.4>"];
    let arguments = ["report", &base, "-o", &page, "--template"];
    printed(&[&arguments[..], &[&place.at("header.html")], &title].concat());
    let html = place.read("page.html");
    assert!(html.contains("<title>Release &lt;1.4&gt;</title>"));
    assert!(html.contains("<h1>Release &lt;1.4&gt;</h1>"));
    let [own, main] = [header, "<main>"].map(|text| html.find(text).unwrap());
    assert!(own < main);
    // The names stay on the page.
    assert!(html.contains("Soak test: base"));
    let markdown = printed(
        &[
            &["report", &base, "-o", "-", "--format=markdown"][..],
            &title,
        ]
        .concat(),
    );
    assert!(
        markdown.starts_with("# Release &lt;1.4&gt;\n"),
        "{markdown}"
    );

    fs::write(place.at("binary"), b"\xff\xfe").unwrap();
    for (template, reason) in [("binary", "is not UTF-8"), ("none", "no such file")] {
        let message = refused(&[&arguments[..], &[&place.at(template)]].concat());
        assert!(message.contains(reason), "{message}");
    }
    let markdown = place.at("page.md");
    let message = refused(&[
        "report",
        &base,
        "-o",
        &markdown,
        "--template",
        "header.html",
    ]);
    assert!(message.contains("no output is one"), "{message}");
    assert!(!Path::new(&markdown).exists());
}

#[test]
fn the_written_file_is_shown_and_stays_if_that_fails() {
    let place = Place::new();
    let works = place.opened(Some("echo \"$@\" > \"$SHOWN\""));
    assert!(works.status.success(), "{}", text(&works.stderr));
    let root = fs::canonicalize(place.0.path()).unwrap();
    let shown = root.join("-page.html");
    assert_eq!(place.read("shown").trim_end(), shown.to_str().unwrap());

    for (script, reason) in [
        (Some("exit 3"), "xdg-open ended with status 3"),
        (None, "xdg-open cannot be run"),
    ] {
        fs::remove_file(&shown).unwrap();
        let failed = place.opened(script);
        let message = text(&failed.stderr);
        assert_eq!(failed.status.code(), Some(2), "{message}");
        assert!(message.starts_with("error: "), "{message}");
        assert!(message.contains("is written, but"), "{message}");
        assert!(message.contains(reason), "{message}");
        assert!(fs::read_to_string(&shown).unwrap().ends_with("</html>\n"));
    }
    let message = refused(&["report", &place.at("base"), "--open", "-o", "-"]);
    assert!(message.contains("stdout is none"), "{message}");
}
