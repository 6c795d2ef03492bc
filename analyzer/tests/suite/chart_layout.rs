//! Charts of every kind and shape in a real browser, in light and dark: no text overlaps another or is cut
//! at the edge, all of it has enough contrast, and nothing in it acts. Runs if `chromium` is found; with
//! `SOAKBOX_REQUIRE_BROWSER=1` a missing browser is a failure.

use std::path::Path;

use serde_json::Value;
use soakbox_analyzer::chart;

use crate::browser::{Scheme, browser, measured_in};
use crate::chart_samples;
use crate::host;

/// Charts of a width that a report gives to one of two.
const NARROW: u32 = 640;

/// What the script of `page` finds in these charts.
fn found(browser: &Path, charts: &[(String, String)], scheme: Scheme) -> Vec<Value> {
    let root = tempfile::tempdir().unwrap();
    let mut page = String::from("<!DOCTYPE html><meta charset=\"utf-8\"><body>\n");
    for (name, svg) in charts {
        page.push_str(&format!("<div data-name=\"{name}\">{svg}</div>\n"));
    }
    page.push_str(PROBE);
    let found = measured_in(browser, root.path(), &page, scheme);
    let found = found.as_array().expect("the script ran").clone();
    assert_eq!(found.len(), charts.len());
    found
}

/// All charts, as files of their own and embedded.
fn charts() -> Vec<(String, String)> {
    let mut charts = Vec::new();
    for (name, one) in chart_samples::all() {
        let page = chart::page(&*one).unwrap();
        assert_eq!(page, chart::page(&*one).unwrap(), "{name}: other bytes");
        assert!(page.len() < 200_000, "{name} has {} bytes", page.len());
        roxmltree::Document::parse(&page).unwrap();
        let embedded = chart::embedded(&*one, &format!("embedded-{name}"), NARROW).unwrap();
        charts.push((name.clone(), page));
        charts.push((format!("{name}, embedded"), embedded.svg));
    }
    charts
}

fn faults(found: &[Value]) -> Vec<String> {
    let faulty = found
        .iter()
        .filter(|one| one["faults"] != Value::Array(Vec::new()));
    faulty
        .map(|one| format!("{}: {}", one["name"], one["faults"]))
        .collect()
}

#[test]
fn no_text_of_a_chart_overlaps_another_or_is_cut() {
    let Some(browser) = browser() else {
        return host::skip("SOAKBOX_REQUIRE_BROWSER", "chromium in PATH");
    };
    let charts = charts();
    for scheme in [Scheme::Light, Scheme::Dark] {
        let found = found(&browser, &charts, scheme);
        let faults = faults(&found);
        assert!(faults.is_empty(), "{scheme:?}:\n{}", faults.join("\n"));
        let papers = found.iter().filter_map(|one| one["paper"].as_str());
        let papers: Vec<&str> = papers.collect();
        let expected = match scheme {
            Scheme::Light => "rgb(255, 255, 255)",
            Scheme::Dark => "rgb(13, 17, 23)",
        };
        assert_eq!(papers.len(), charts.len() / 2);
        assert!(papers.iter().all(|paper| *paper == expected), "{papers:?}");
    }
}

/// The check above finds each kind of fault.
#[test]
fn faults_of_the_layout_are_found() {
    let Some(browser) = browser() else {
        return host::skip("SOAKBOX_REQUIRE_BROWSER", "chromium in PATH");
    };
    let svg = |content: &str| {
        format!(
            "<svg width=\"200\" height=\"60\" viewBox=\"0 0 200 60\" xmlns=\"http://www.w3.org/2000/svg\">{content}</svg>"
        )
    };
    let text = |x: i32, y: i32, fill: &str| {
        format!("<text x=\"{x}\" y=\"{y}\" font-size=\"12\" fill=\"{fill}\">label</text>")
    };
    let charts = [
        ("good", svg(&(text(10, 20, "#111") + &text(10, 40, "#111")))),
        (
            "overlapping",
            svg(&(text(10, 20, "#111") + &text(20, 24, "#111"))),
        ),
        ("cut", svg(&text(190, 20, "#111"))),
        ("pale", svg(&text(10, 20, "#ddd"))),
        ("active", svg("<script>1</script>")),
    ];
    let charts = charts.map(|(name, svg)| (name.to_owned(), svg));
    let found = found(&browser, &charts, Scheme::Light);
    let kinds: Vec<Vec<&str>> = found
        .iter()
        .map(|one| {
            let faults = one["faults"].as_array().unwrap().iter();
            faults.map(|fault| fault[0].as_str().unwrap()).collect()
        })
        .collect();
    assert_eq!(
        kinds,
        [
            vec![],
            vec!["overlap"],
            vec!["cut"],
            vec!["contrast"],
            vec!["active"]
        ]
    );
}

const PROBE: &str = r##"<script>
const channel = value => { const c = value / 255; return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; };
const luminance = colour => {
  const [r, g, b] = colour.match(/[\d.]+/g).map(Number);
  return 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
};
const contrast = (a, b) => {
  const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (light + 0.05) / (dark + 0.05);
};
const dark = matchMedia("(prefers-color-scheme: dark)").matches;
const found = [...document.querySelectorAll("div[data-name]")].map(div => {
  const svg = div.querySelector("svg");
  const edge = svg.getBoundingClientRect();
  const faults = [];
  const texts = [...svg.querySelectorAll("text")].filter(text => text.textContent.trim() !== "").map(text => {
    const box = text.getBoundingClientRect();
    return { box, name: text.textContent.trim(), fill: getComputedStyle(text).fill };
  });
  const ground = dark ? "rgb(13, 17, 23)" : "rgb(255, 255, 255)";
  texts.forEach(({ box, name, fill }, index) => {
    if (box.left < edge.left || box.right > edge.right || box.top < edge.top || box.bottom > edge.bottom)
      faults.push(["cut", name]);
    if (contrast(fill, ground) < 4.5) faults.push(["contrast", name, fill]);
    for (const other of texts.slice(index + 1)) {
      const across = Math.min(box.right, other.box.right) - Math.max(box.left, other.box.left);
      const down = Math.min(box.bottom, other.box.bottom) - Math.max(box.top, other.box.top);
      if (across > 0.5 && down > 0.5) faults.push(["overlap", name, other.name]);
    }
  });
  const active = svg.querySelectorAll("script, foreignObject, image, a, [onload], [onclick], [href]");
  if (active.length > 0) faults.push(["active", active[0].localName]);
  const lines = [...svg.querySelectorAll('[stroke-width="2"], [stroke-width="3"]')];
  for (const line of lines)
    if (contrast(getComputedStyle(line).stroke, ground) < 3) faults.push(["contrast", "line", getComputedStyle(line).stroke]);
  const paper = svg.querySelector("style") ? getComputedStyle(svg.querySelector("rect")).fill : null;
  return { name: div.dataset.name, faults, paper };
});
const pre = document.createElement("pre");
pre.textContent = JSON.stringify(found);
document.body.append(pre);
</script>
"##;
