"use strict";
// Pointing at charts, enlarging them, and sorting tables. Nothing on the page depends on it.
(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const element = (name, properties) => Object.assign(document.createElement(name), properties);

  /* Tables: a click on a heading sorts by its column. */
  const SIZES = {
    ns: 1e-9, "µs": 1e-6, ms: 1e-3, s: 1, min: 60, h: 3600, d: 86400,
    KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40, PiB: 2 ** 50, EiB: 2 ** 60, "%": .01,
  };
  // The number that a cell shows, in the same unit for all; a text is NaN.
  const number = text => {
    const plain = text.replaceAll(",", "").replaceAll("−", "-").replace("±", "");
    if (!/^[<>~+-]*\s*\d/.test(plain) || /^\d{4}-\d\d/.test(plain)) return NaN;
    const parts = [...plain.matchAll(/([+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?)\s*([A-Za-zµ%]*)/g)];
    const values = parts.map(([, value, unit]) => Number(value) * (SIZES[unit] ?? 1));
    // Hours and minutes are added up; of an interval the first end counts.
    return ["d", "h", "min"].includes(parts[0]?.[2]) ? values.reduce((a, b) => a + b) : values[0];
  };
  const compare = (a, b) => {
    const [x, y] = [number(a), number(b)];
    if (!isNaN(x) && !isNaN(y)) return x - y;
    // Times have as many digits as they need: without the Z, the longer one is later.
    if ([a, b].every(text => /^\d{4}-\d\d-\d\dT.*Z$/.test(text))) return (a.slice(0, -1) > b.slice(0, -1)) - (a.slice(0, -1) < b.slice(0, -1));
    return a.localeCompare(b, "en", { numeric: true });
  };
  const isMissing = text => text === "" || text === "–";
  const sort = (table, column, isDown) => {
    const body = table.tBodies[0];
    const text = row => row.cells[column]?.textContent.trim() ?? "";
    const rows = [...body.rows].sort((a, b) => {
      const [x, y] = [text(a), text(b)];
      // What was not measured stays at the end.
      if (isMissing(x) || isMissing(y)) return isMissing(x) - isMissing(y);
      return isDown ? compare(y, x) : compare(x, y);
    });
    body.append(...rows);
  };
  for (const table of document.querySelectorAll("main table")) {
    const headings = [...(table.tHead?.rows[0]?.cells ?? [])];
    if (table.tBodies[0]?.rows.length < 2) continue;
    headings.forEach((heading, column) => {
      const button = element("button", { type: "button", className: "sort" });
      button.append(...heading.childNodes);
      heading.append(button);
      button.addEventListener("click", () => {
        // Numbers begin with the largest.
        const first = [...table.tBodies[0].rows].map(row => row.cells[column]?.textContent.trim() ?? "");
        const isNumber = first.some(text => !isNaN(number(text)));
        const before = heading.getAttribute("aria-sort");
        const isDown = before ? before === "ascending" : isNumber;
        headings.forEach(other => other.removeAttribute("aria-sort"));
        heading.setAttribute("aria-sort", isDown ? "descending" : "ascending");
        sort(table, column, isDown);
      });
    });
  }

  /* Charts. */
  const tip = element("div", { className: "tip", hidden: true });
  tip.setAttribute("role", "status");
  document.body.append(tip);

  for (const figure of document.querySelectorAll("figure")) {
    const svg = figure.querySelector("svg");
    const data = figure.querySelector("script[type='application/json']");
    if (!svg || !data) continue;
    const picture = svg.parentElement;
    const { lines, panels } = JSON.parse(data.textContent);
    const whole = [0, 0, svg.viewBox.baseVal.width, svg.viewBox.baseVal.height];
    let view = whole;
    let shown = null;

    const mark = svg.appendChild(document.createElementNS(SVG, "path"));
    mark.setAttribute("class", "mark");
    const onScreen = (x, y) => new DOMPoint(x, y).matrixTransform(svg.getScreenCTM());
    const inPicture = event => {
      return new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    };
    const hide = () => {
      shown = null;
      tip.hidden = true;
      mark.removeAttribute("d");
    };
    // Shows a point and all others at the same place.
    const show = (panel, point) => {
      const [left, top, width, height] = panel.plot;
      const [x, y] = point;
      const same = panel.points.filter(other => other[0] === x && other[1] === y);
      shown = [panel, point];
      mark.setAttribute("d", (x === null ? "" : `M${x} ${top}v${height}`) + (y === null ? "" : `M${left} ${y}h${width}`));
      tip.replaceChildren(...same.slice(0, 8).map(other => element("p", { textContent: other.slice(2).map(number => lines[number]).join("\n") })));
      tip.hidden = false;
      const at = onScreen(x ?? left + width / 2, y ?? top + height / 2);
      const room = document.documentElement.clientWidth - tip.offsetWidth - 8;
      const right = at.x + 14;
      tip.style.left = `${Math.max(8, right > room ? at.x - tip.offsetWidth - 14 : right) + scrollX}px`;
      tip.style.top = `${Math.max(8, at.y - tip.offsetHeight / 2) + scrollY}px`;
    };
    const nearest = (panel, at) => {
      const distance = ([x, y]) => Math.hypot(x === null ? 0 : x - at.x, y === null ? 0 : y - at.y);
      return panel.points.reduce((best, point) => distance(point) < distance(best) ? point : best);
    };
    const point = at => {
      const panel = panels.find(({ plot: [left, top, width, height], points }) => {
        return points.length > 0 && at.x >= left - 4 && at.x <= left + width + 4 && at.y >= top - 4 && at.y <= top + height + 4;
      });
      if (panel) show(panel, nearest(panel, at)); else hide();
    };
    // All places in the order of reading: panel by panel, from left to right, and from top to bottom where
    // several are at the same distance.
    const places = panels.flatMap(panel => {
      const known = new Map(panel.points.map(point => [`${point[0]} ${point[1]}`, point]));
      const points = [...known.values()].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
      return points.map(point => [panel, point]);
    });
    // By one place; or to the next panel, as far along as now.
    const step = by => {
      const now = shown ? places.findIndex(([panel, [x, y]]) => panel === shown[0] && x === shown[1][0] && y === shown[1][1]) : -1;
      const next = shown ? Math.min(Math.max(now + by, 0), places.length - 1) : by > 0 ? 0 : places.length - 1;
      if (places[next]) show(...places[next]);
    };
    const stepPanel = by => {
      const filled = panels.filter(({ points }) => points.length > 0);
      const panel = filled[filled.indexOf(shown?.[0]) + by] ?? shown?.[0] ?? filled[0];
      if (!panel) return;
      const [x, y] = shown?.[1] ?? panel.points[0];
      show(panel, nearest(panel, { x: x ?? panel.plot[0], y: y ?? panel.plot[1] }));
    };

    /* Enlarging: the picture shows a part of itself, in its own proportions. */
    const look = (x, y, width) => {
      const [, , fullWidth, fullHeight] = whole;
      const size = Math.min(Math.max(width, fullWidth / 40), fullWidth);
      const height = size * fullHeight / fullWidth;
      const into = (at, length, most) => Math.min(Math.max(at, 0), most - length);
      view = [into(x, size, fullWidth), into(y, height, fullHeight), size, height];
      svg.setAttribute("viewBox", view.join(" "));
      picture.classList.toggle("enlarged", size < fullWidth);
      hide();
    };
    const enlarge = (factor, at) => {
      const [x, y, width, height] = view;
      const centre = at ?? { x: x + width / 2, y: y + height / 2 };
      const size = width / factor;
      look(centre.x - (centre.x - x) / factor, centre.y - (centre.y - y) / factor, size);
    };
    const reset = () => look(...whole);

    const tools = element("div", { className: "tools" });
    const tool = (text, label, act) => {
      const button = element("button", { type: "button", textContent: text, title: label });
      button.setAttribute("aria-label", label);
      button.addEventListener("click", act);
      tools.append(button);
    };
    tool("+", "Enlarge the chart", () => enlarge(1.5));
    tool("−", "Reduce the chart", () => enlarge(1 / 1.5));
    tool("⟲", "Show the whole chart", reset);
    picture.after(tools);

    // Dragging moves an enlarged picture, and enlarges the dragged part of a whole one.
    let drag = null;
    picture.addEventListener("pointerdown", event => {
      if (event.pointerType !== "touch" && event.button === 0) drag = { at: inPicture(event), view };
    });
    picture.addEventListener("pointermove", event => {
      const at = inPicture(event);
      if (drag && view[2] < whole[2]) {
        look(view[0] + drag.at.x - at.x, view[1] + drag.at.y - at.y, view[2]);
      } else if (drag) {
        const [left, right] = [drag.at.x, at.x].sort((a, b) => a - b);
        mark.setAttribute("d", `M${left} 0H${right}V${whole[3]}H${left}Z`);
        tip.hidden = true;
      } else {
        point(at);
      }
    });
    const drop = event => {
      const at = inPicture(event);
      const [left, right] = [drag?.at.x ?? 0, at.x].sort((a, b) => a - b);
      const isPart = drag && drag.view[2] === whole[2] && right - left > 12;
      const middle = drag ? (drag.at.y + at.y) / 2 : 0;
      drag = null;
      if (isPart) look(left, middle - (right - left) * whole[3] / whole[2] / 2, right - left);
    };
    picture.addEventListener("pointerup", drop);
    picture.addEventListener("pointerleave", () => { drag = null; hide(); });
    picture.addEventListener("dblclick", reset);
    picture.addEventListener("blur", hide);
    picture.addEventListener("keydown", event => {
      const keys = {
        ArrowLeft: () => step(-1), ArrowRight: () => step(1), ArrowUp: () => stepPanel(-1), ArrowDown: () => stepPanel(1),
        Escape: () => { hide(); reset(); }, "+": () => enlarge(1.5), "-": () => enlarge(1 / 1.5), 0: reset,
      };
      const act = event.ctrlKey || event.metaKey || event.altKey ? null : keys[event.key];
      if (!act) return;
      act();
      event.preventDefault();
    });
  }
})();
