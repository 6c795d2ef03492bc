//! Report and chart in a real browser: they open, are laid out and drawn, and show text of a
//! recording without interpreting it. Runs if `chromium` is found; with `SOAKBOX_REQUIRE_BROWSER=1`
//! a missing browser is a failure.

use crate::host;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::program::printed;
use crate::report_pages::Pages;
use serde_json::{Value, json};
use soakbox_cli::escaped;
use soakbox_testing::{ForeignTexts, HOSTILE_TEXTS};

/// The browser, if there is one.
pub(crate) fn browser() -> Option<PathBuf> {
    let directories = std::env::var_os("PATH").unwrap_or_default();
    let names = ["chromium", "chromium-browser", "google-chrome"];
    std::env::split_paths(&directories)
        .flat_map(|directory| names.map(|name| directory.join(name)))
        .find(|path| path.is_file())
}

fn chromium(browser: &Path, profile: &Path, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(browser)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
        ])
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg("--enable-logging=stderr")
        .args(arguments)
        .output()
        .unwrap();
    let messages = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{messages}");
    // Errors of a page, and what its scripts print.
    let console: Vec<&str> = messages
        .lines()
        .filter(|line| line.contains("CONSOLE"))
        .collect();
    assert_eq!(console, [""; 0]);
    output.stdout
}

/// The colours that a reader prefers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scheme {
    Light,
    Dark,
}

fn measured(browser: &Path, directory: &Path, page: &str) -> Value {
    measured_in(browser, directory, page, Scheme::Light)
}

/// The JSON that the script of `page` writes into its `pre` element. `page` is loaded from
/// `directory`.
pub(crate) fn measured_in(browser: &Path, directory: &Path, page: &str, scheme: Scheme) -> Value {
    let scheme = match scheme {
        Scheme::Light => "--blink-settings=preferredColorScheme=1",
        Scheme::Dark => "--blink-settings=preferredColorScheme=0",
    };
    let probe = directory.join("probe.html");
    fs::write(&probe, page).unwrap();
    let document = chromium(
        browser,
        &directory.join("profile"),
        &[
            "--allow-file-access-from-files",
            "--virtual-time-budget=10000",
            scheme,
            "--dump-dom",
            &format!("file://{}", probe.display()),
        ],
    );
    let document = String::from_utf8(document).unwrap();
    let found = document
        .split("<pre>")
        .nth(1)
        .and_then(|rest| rest.split("</pre>").next());
    // The browser writes its document as HTML.
    let found = found.unwrap_or("null");
    let found = found.replace("&lt;", "<").replace("&gt;", ">");
    serde_json::from_str(&found.replace("&nbsp;", "\u{a0}").replace("&amp;", "&")).unwrap()
}

#[test]
fn a_browser_renders_reports_of_any_width_and_colour() {
    let Some(browser) = browser() else {
        return host::skip("SOAKBOX_REQUIRE_BROWSER", "chromium in PATH");
    };
    let pages = Pages::new();
    let root = pages.root();
    for (report, charts) in Pages::ALL.into_iter().zip([6, 7, 14]) {
        for (width, scheme) in [
            (1280, Scheme::Light),
            (1280, Scheme::Dark),
            (360, Scheme::Light),
        ] {
            // A page of this test measures the report inside a frame.
            let page = PROBE.replace("REPORT", report);
            let page = page.replace("WIDTH", &width.to_string());
            let found = measured_in(&browser, root, &page, scheme);
            let seen = format!("{report}, {width} px, {scheme:?}: {found}");
            assert_eq!(found["charts"], charts, "{seen}");
            assert_eq!(found["drawn"], charts, "a chart has no size: {seen}");
            assert!(found["lines"].as_u64().unwrap() >= 6, "{seen}");
            assert_eq!(found["errors"], 0, "{seen}");
            assert_eq!(found["requests"], json!([]), "{seen}");
            assert_eq!(found["overflow"], false, "the page is too wide: {seen}");
            assert_eq!(found["verdict"], true, "the verdict is not on top: {seen}");
        }
        let address = format!("file://{}", root.join(report).display());
        let profile = root.join("second profile");
        let picture = root.join("report.png");
        let screenshot = format!("--screenshot={}", picture.display());
        chromium(
            &browser,
            &profile,
            &["--window-size=1280,1400", &screenshot, &address],
        );
        // A blank page of this size compresses to a few kilobytes.
        let bytes = fs::metadata(&picture).unwrap().len();
        assert!(bytes > 40_000, "{report} is blank");

        let paper = root.join("report.pdf");
        let print = format!("--print-to-pdf={}", paper.display());
        chromium(&browser, &profile, &[&print, &address]);
        let printed = fs::read(&paper).unwrap();
        assert!(printed.starts_with(b"%PDF-"), "{report}");
        assert!(printed.len() > 40_000, "{report} is blank on paper");
    }
}

const PROBE: &str = r#"<!DOCTYPE html><meta charset="utf-8"><body>
<iframe src="REPORT" width="WIDTH" height="900"></iframe>
<script>
let errors = 0;
addEventListener("error", () => errors++);
document.querySelector("iframe").addEventListener("load", event => {
  const frame = event.target.contentWindow;
  const page = frame.document;
  const charts = [...page.querySelectorAll("svg")];
  const drawn = charts.filter(chart => chart.getBoundingClientRect().width > 300 && chart.getBoundingClientRect().height > 100);
  const verdict = page.querySelector(".verdict").getBoundingClientRect();
  const pre = document.createElement("pre");
  pre.textContent = JSON.stringify({
    charts: charts.length, drawn: drawn.length, lines: page.querySelectorAll("svg polyline, svg path").length, errors,
    requests: frame.performance.getEntriesByType("resource").map(one => one.name),
    overflow: page.documentElement.scrollWidth > page.documentElement.clientWidth,
    verdict: verdict.top >= 0 && verdict.bottom <= 900 && verdict.bottom < charts[0].getBoundingClientRect().top,
  });
  document.body.append(pre);
});
</script>
"#;

#[test]
fn a_browser_shows_hostile_text_and_interprets_none() {
    let Some(browser) = browser() else {
        return host::skip("SOAKBOX_REQUIRE_BROWSER", "chromium in PATH");
    };
    let root = tempfile::tempdir().unwrap();
    let mut frames = String::new();
    for (index, hostile) in HOSTILE_TEXTS.iter().enumerate() {
        let recording = root.path().join(format!("recording-{index}"));
        ForeignTexts::all(hostile).seal(&recording);
        for (command, file) in [("report", "html"), ("chart", "svg")] {
            let file = format!("{index}.{file}");
            let path = root.path().join(&file);
            let arguments = [recording.to_str().unwrap(), "-o", path.to_str().unwrap()];
            printed(&[&[command], &arguments[..]].concat());
            frames.push_str(&format!("<iframe src=\"{file}\"></iframe>\n"));
        }
    }
    let page = HOSTILE_PROBE.replace("FRAMES", &frames);
    let found = measured(&browser, root.path(), &page);
    let expected: Vec<Value> = HOSTILE_TEXTS
        .iter()
        .flat_map(|hostile| {
            let shown = escaped(hostile);
            [
                json!({"root": "html", "active": 0, "heading": shown}),
                json!({"root": "svg", "active": 0, "heading": shown}),
            ]
        })
        .collect();
    assert_eq!(found, Value::from(expected));
}

const HOSTILE_PROBE: &str = r#"<!DOCTYPE html><meta charset="utf-8"><body>
FRAMES
<script>
// Besides the report's own one and the points of its charts.
const scripts = page => {
  const all = [...page.querySelectorAll("script")].filter(one => one.type !== "application/json");
  return all.length - (page.documentElement.localName === "html" && all[0].parentElement === page.body ? 1 : 0);
};
addEventListener("load", () => {
  const found = [...document.querySelectorAll("iframe")].map(frame => {
    const page = frame.contentDocument;
    const heading = page.querySelector("h3 .name")?.textContent
      ?? [...page.querySelectorAll("text")].filter(text => text.getAttribute("font-weight") === "bold")[1].textContent;
    return {
      root: page.documentElement.localName,
      active: page.querySelectorAll("parsererror, [onload]").length + scripts(page),
      heading: heading.replace(/^\n|\n$/g, ""),
    };
  });
  const pre = document.createElement("pre");
  pre.textContent = JSON.stringify(found);
  document.body.append(pre);
});
</script>
"#;
