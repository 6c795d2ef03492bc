//! The script of a report in a real browser: what it shows where a reader points is what the table has, tables
//! sort by what their cells mean, and a chart is enlarged and whole again.

use serde_json::{Value, json};

use crate::browser::{Scheme, browser, measured_in};
use crate::host;
use crate::report_pages::Pages;

fn in_frame(pages: &Pages, page: &str, script: &str) -> Option<Value> {
    let Some(browser) = browser() else {
        host::skip("SOAKBOX_REQUIRE_BROWSER", "chromium in PATH");
        return None;
    };
    let probe = FRAME.replace("REPORT", page).replace("SCRIPT", script);
    Some(measured_in(&browser, pages.root(), &probe, Scheme::Light))
}

const FRAME: &str = r#"<!DOCTYPE html><meta charset="utf-8"><body>
<iframe src="REPORT" width="1280" height="900"></iframe>
<script>
document.querySelector("iframe").addEventListener("load", event => {
  const frame = event.target.contentWindow;
  const page = frame.document;
  const figures = [...page.querySelectorAll("figure")];
  const screen = (svg, x, y) => new frame.DOMPoint(x, y).matrixTransform(svg.getScreenCTM());
  const pointer = (target, type, at) => target.dispatchEvent(new frame.PointerEvent(type, {
    bubbles: true, clientX: at.x, clientY: at.y, pointerType: "mouse", button: 0,
  }));
  const tip = () => page.querySelector(".tip");
  let found;
  try { found = (() => { SCRIPT })(); } catch (error) { found = { error: String(error) }; }
  const pre = document.createElement("pre");
  pre.textContent = JSON.stringify(found);
  document.body.append(pre);
});
</script>
"#;

#[test]
fn pointing_at_a_chart_shows_what_its_table_has() {
    let pages = Pages::new();
    for page in Pages::ALL {
        let Some(found) = in_frame(&pages, page, POINTING) else {
            return;
        };
        assert_eq!(found["wrong"], json!([]), "{page}: {found:#}");
        let figures = found["figures"].as_array().unwrap();
        assert!(figures.len() >= 6, "{page}: {found:#}");
        for figure in figures {
            let points = figure["pointed"].as_u64().unwrap();
            assert!(points >= 3, "{page}: {found:#}");
        }
        assert_eq!(found["hidden"], true, "{page}: {found:#}");
    }
}

/// For points of each figure: whether a row of the table has all of its numbers, and whether pointing
/// there shows them.
const POINTING: &str = r#"
  const wrong = [];
  const counts = figures.map((figure, number) => {
    const svg = figure.querySelector("svg");
    const { lines: texts, panels } = JSON.parse(figure.querySelector("script").textContent);
    const rows = [...figure.querySelectorAll("tbody tr")].map(row => [...row.cells].map(cell => cell.textContent));
    const all = panels.flatMap(panel => panel.points);
    const has = (row, line) => row.some(cell => cell !== "" && (line === cell || line.endsWith(" " + cell)))
    || (line.endsWith("not measured") && row.includes(""));
    const every = Math.max(1, Math.floor(all.length / 40));
    let pointed = 0;
    all.forEach((point, index) => {
      if (index % every !== 0) return;
      const [x, y, ...numbers] = point;
      const lines = numbers.map(number => texts[number]);
      const text = lines.join("\n");
      const inTable = rows.some(row => lines.every(line => has(row, line)));
      // A long table has its first rows only.
      if (!inTable && rows.length < 500) wrong.push([number, "no row has", text]);
      const panel = panels.find(one => one.points.includes(point));
      const same = panel.points.filter(other => other[0] === x && other[1] === y);
      if (same.indexOf(point) >= 8) return;
      const [left, top, width, height] = panel.plot;
      pointer(svg.parentElement, "pointermove", screen(svg, x ?? left + width / 2, y ?? top + height / 2));
      const shown = [...tip().querySelectorAll("p")].map(one => one.textContent);
      if (tip().hidden || !shown.includes(text)) wrong.push([number, "shows", shown, "not", text]);
      if (inTable) pointed += 1;
    });
    return { figure: figure.querySelector("figcaption").textContent, points: all.length, pointed };
  });
  pointer(figures[0].querySelector(".picture"), "pointerleave", { x: 0, y: 0 });
  return { wrong: wrong.slice(0, 5), figures: counts, hidden: tip().hidden };
"#;

#[test]
fn a_click_on_a_heading_sorts_by_what_the_cells_mean() {
    let pages = Pages::new();
    let Some(found) = in_frame(&pages, "soak.html", SORTING) else {
        return;
    };
    assert_eq!(
        found["columns"].as_u64().map(|number| number > 20),
        Some(true),
        "{found:#}"
    );
    assert_eq!(found["wrong"], json!([]), "{found:#}");
    // Durations with different units are in it.
    assert_eq!(found["units"], true, "{found:#}");
}

#[test]
fn times_sort_with_any_number_of_digits() {
    let pages = Pages::new();
    let Some(found) = in_frame(&pages, "soak.html", TIMES) else {
        return;
    };
    let sorted = [
        "2026-01-01T00:00:00Z",
        "2026-01-01T00:00:00.025Z",
        "2026-01-01T00:00:00.25Z",
        "2026-01-01T00:00:00.5Z",
        "2026-01-01T00:00:01Z",
    ];
    let mut turned = sorted;
    turned.reverse();
    assert_eq!(found, json!([sorted, turned]), "{found:#}");
}

/// Rows of times in a table of the page, sorted twice.
const TIMES: &str = r#"
  const table = [...page.querySelectorAll("main table")].find(one => one.tHead.querySelector("button"));
  const row = table.tBodies[0].rows[0];
  const rows = ["00.5", "00.025", "01", "00", "00.25"].map(seconds => {
    const copy = row.cloneNode(true);
    copy.cells[0].textContent = `2026-01-01T00:00:${seconds}Z`;
    return copy;
  });
  table.tBodies[0].replaceChildren(...rows);
  const button = table.tHead.rows[0].cells[0].querySelector("button");
  const sorted = () => { button.click(); return [...table.tBodies[0].rows].map(one => one.cells[0].textContent); };
  return [sorted(), sorted()];
"#;

/// Sorts each table by each of its columns, down and up, and compares neighbours by their own reading.
const SORTING: &str = r#"
  const sizes = { ns: 1, "µs": 1e3, ms: 1e6, s: 1e9, B: 1, KiB: 1024, MiB: 1048576, GiB: 1073741824, "KiB/s": 1024, "MiB/s": 1048576 };
  const meaning = text => {
    const plain = text.replace(/,/g, "").replace("−", "-").replace("±", "");
    const parts = plain.match(/^([+-]?[0-9.]+)(?: (\S+))?$/);
    return parts ? Number(parts[1]) * (sizes[parts[2]] ?? 1) : null;
  };
  const unit = text => text.split(" ")[1] ?? "";
  const wrong = [];
  const units = new Set();
  let columns = 0;
  for (const table of page.querySelectorAll("main table")) {
    const headings = [...table.tHead.rows[0].cells];
    headings.forEach((heading, column) => {
      const button = heading.querySelector("button");
      if (!button) return;
      columns += 1;
      const cells = () => [...table.tBodies[0].rows].map(row => row.cells[column].textContent.trim());
      const before = [...cells()].sort();
      for (const click of [1, 2]) {
        button.click();
        const after = cells();
        const known = after.filter(text => text !== "" && text !== "–");
        if (JSON.stringify([...after].sort()) !== JSON.stringify(before)) wrong.push([heading.textContent, "lost rows"]);
        if (after.slice(0, known.length).some((text, index) => text !== known[index])) wrong.push([heading.textContent, "missing ones are not last"]);
        const direction = heading.getAttribute("aria-sort");
        if (!["ascending", "descending"].includes(direction)) wrong.push([heading.textContent, direction]);
        const numbers = known.map(meaning);
        if (numbers.some(number => number === null)) continue;
        known.forEach(text => units.add(unit(text)));
        const sign = direction === "ascending" ? 1 : -1;
        // Times have no order with bytes.
        const dimension = text => ["ns", "µs", "ms", "s"].includes(unit(text)) ? "time" : /B/.test(unit(text)) ? "bytes" : unit(text);
        for (const kind of new Set(known.map(dimension))) {
          const alike = known.filter(text => dimension(text) === kind);
          alike.map(meaning).forEach((number, index, all) => {
            if (index > 0 && sign * (number - all[index - 1]) < 0) wrong.push([heading.textContent, direction, alike[index - 1], alike[index]]);
          });
        }
      }
      if (headings.filter(other => other.hasAttribute("aria-sort")).length !== 1) wrong.push([heading.textContent, "two sorted columns"]);
    });
  }
  return { wrong: wrong.slice(0, 5), columns, units: units.has("µs") && units.has("ms") };
"#;

#[test]
fn a_chart_is_enlarged_by_keys_buttons_and_dragging_and_is_whole_again() {
    let pages = Pages::new();
    let Some(found) = in_frame(&pages, "comparison.html", ENLARGING) else {
        return;
    };
    assert_eq!(
        found,
        json!({"wrong": [], "figures": found["figures"]}),
        "{found:#}"
    );
    assert!(found["figures"].as_u64().unwrap() >= 6, "{found:#}");
}

#[test]
fn the_arrow_keys_reach_every_place_of_every_panel() {
    let pages = Pages::new();
    for page in Pages::ALL {
        let Some(found) = in_frame(&pages, page, STEPPING) else {
            return;
        };
        assert_eq!(found["wrong"], json!([]), "{page}: {found:#}");
        assert!(found["panels"].as_u64().unwrap() >= 8, "{page}: {found:#}");
    }
}

/// The mark has the place and the size of its panel in it, so that it differs from place to place.
const STEPPING: &str = r#"
  const wrong = [];
  let all = 0;
  figures.forEach((figure, number) => {
    const picture = figure.querySelector(".picture");
    const { panels } = JSON.parse(figure.querySelector("script").textContent);
    const filled = panels.filter(panel => panel.points.length > 0);
    all += filled.length;
    const places = panels.flatMap(({ plot: [left, top, width, height], points }) => points.map(([x, y]) => {
      return (x === null ? "" : `M${x} ${top}v${height}`) + (y === null ? "" : `M${left} ${y}h${width}`);
    }));
    const key = name => picture.dispatchEvent(new frame.KeyboardEvent("keydown", { key: name, bubbles: true, cancelable: true }));
    const mark = () => figure.querySelector(".mark").getAttribute("d") ?? "";
    const walk = name => {
      const seen = new Set([mark()]);
      for (let n = 0; n < places.length + 2; n += 1) { key(name); seen.add(mark()); }
      return seen;
    };
    const missed = (seen, what) => {
      const missing = places.filter(place => !seen.has(place));
      if (missing.length > 0) wrong.push([number, what, missing.slice(0, 3), "of", places.length]);
    };
    missed(walk("ArrowRight"), "to the right");
    missed(walk("ArrowLeft"), "to the left");
    key("Escape");
    const isIn = ({ plot: [left, top, width, height] }, at) => at.includes(` ${top}v${height}`) || at.includes(`M${left} `) && at.includes(`h${width}`);
    for (const name of ["ArrowDown", "ArrowUp"]) {
      const seen = [...walk(name)];
      filled.forEach((panel, index) => {
        if (!seen.some(at => isIn(panel, at))) wrong.push([number, name, "misses panel", index, "of", filled.length]);
      });
    }
  });
  return { wrong: wrong.slice(0, 5), panels: all };
"#;

const ENLARGING: &str = r#"
  const wrong = [];
  figures.forEach((figure, number) => {
    const svg = figure.querySelector("svg");
    const picture = svg.parentElement;
    const view = () => svg.getAttribute("viewBox");
    const width = () => Number(view().split(" ")[2]);
    const whole = view();
    const key = name => picture.dispatchEvent(new frame.KeyboardEvent("keydown", { key: name, bubbles: true, cancelable: true }));
    const check = (what, holds) => { if (!holds) wrong.push([number, what, view()]); };
    const full = width();
    figure.querySelector(".tools button").click();
    check("a button enlarges", width() < full);
    for (let n = 0; n < 30; n += 1) key("+");
    check("not without end", width() > full / 50);
    key("Escape");
    check("escape shows all", view() === whole);
    key("+"); key("-"); key("-");
    check("not smaller than whole", view() === whole);
    const [from, to] = [screen(svg, full * .4, 60), screen(svg, full * .6, 60)];
    pointer(picture, "pointerdown", from); pointer(picture, "pointermove", to); pointer(picture, "pointerup", to);
    check("dragging enlarges the part", Math.abs(width() - full * .2) < full * .01);
    check("the part is in it", Math.abs(Number(view().split(" ")[0]) - full * .4) < full * .01);
    picture.dispatchEvent(new frame.MouseEvent("dblclick", { bubbles: true }));
    check("a double click shows all", view() === whole);
    key("ArrowRight");
    const first = tip().textContent;
    check("an arrow shows the first point", !tip().hidden && first !== "");
    key("ArrowRight");
    check("and the next one", tip().textContent !== first);
    key("ArrowLeft");
    check("and back", tip().textContent === first);
    key("Escape");
    check("escape hides it", tip().hidden);
  });
  return { wrong, figures: figures.length };
"#;
