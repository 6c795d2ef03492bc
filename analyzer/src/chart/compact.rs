//! Makes an SVG smaller: rectangles, lines and polylines that follow one another and look the same
//! become one path. Nothing is moved, and the picture is the same. It knows the form in which plotters
//! writes elements: one a line, attributes in a fixed order.

use std::fmt::Write as _;

/// The SVG with such elements joined.
pub(super) fn compacted(svg: &str) -> String {
    let mut out = String::with_capacity(svg.len());
    let mut pending: Vec<Element<'_>> = Vec::new();
    for line in svg.lines() {
        match Element::of(line) {
            Some(element) => {
                if pending
                    .first()
                    .is_some_and(|first| first.look != element.look)
                {
                    flush(&mut pending, &mut out);
                }
                pending.push(element);
            }
            None => {
                flush(&mut pending, &mut out);
                out.push_str(line);
                out.push('\n');
            }
        }
    }
    flush(&mut pending, &mut out);
    out
}

/// An element that can be a part of a path.
struct Element<'a> {
    line: &'a str,
    /// The attributes that make its look.
    look: &'a str,
    path: Path<'a>,
}

enum Path<'a> {
    Rectangle([&'a str; 4]),
    Points(&'a str),
    Line([&'a str; 4]),
}

impl<'a> Element<'a> {
    fn of(line: &'a str) -> Option<Self> {
        let (look, path) = if let Some(rest) = line.strip_prefix("<rect ") {
            let at = rest.find(" opacity=")?;
            let look = rest[at + 1..].strip_suffix("/>")?;
            let names = ["x", "y", "width", "height"];
            (look, Path::Rectangle(attributes(&rest[..at], names)?))
        } else if let Some(rest) = line.strip_prefix("<polyline ") {
            let (look, points) = rest.split_once(" points=\"")?;
            (look, Path::Points(points.strip_suffix("\"/>")?.trim_end()))
        } else {
            let rest = line.strip_prefix("<line ")?;
            let at = rest.find(" x1=")?;
            let ends = rest[at + 1..].strip_suffix("/>")?;
            (
                &rest[..at],
                Path::Line(attributes(ends, ["x1", "y1", "x2", "y2"])?),
            )
        };
        Some(Self { line, look, path })
    }
}

fn attributes<'a>(text: &'a str, names: [&str; 4]) -> Option<[&'a str; 4]> {
    let mut values = [""; 4];
    for ((value, name), part) in values.iter_mut().zip(names).zip(text.split(' ')) {
        let rest = part.strip_prefix(name)?.strip_prefix("=\"")?;
        *value = rest.strip_suffix('"')?;
    }
    Some(values)
}

fn flush(pending: &mut Vec<Element<'_>>, out: &mut String) {
    match pending.as_slice() {
        [] => {}
        [only] => {
            out.push_str(only.line);
            out.push('\n');
        }
        [first, ..] => {
            let fill = if first.look.contains("fill=") {
                ""
            } else {
                "fill=\"none\" "
            };
            let _ = write!(out, "<path {fill}{} d=\"", first.look);
            for element in &*pending {
                let _ = match element.path {
                    Path::Rectangle([x, y, width, height]) => {
                        write!(out, "M{x},{y}h{width}v{height}h-{width}z")
                    }
                    Path::Points(points) => write!(out, "M{points}"),
                    Path::Line([x1, y1, x2, y2]) => write!(out, "M{x1},{y1} {x2},{y2}"),
                };
            }
            out.push_str("\"/>\n");
        }
    }
    pending.clear();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_neighbours_become_one_path() {
        let look = "opacity=\"1\" fill=\"#E6E8EB\" stroke=\"none\"";
        let svg = format!(
            "<svg>\n<rect x=\"1\" y=\"2\" width=\"3\" height=\"4\" {look}/>\n\
             <rect x=\"5\" y=\"2\" width=\"3\" height=\"4\" {look}/>\n\
             <line opacity=\"1\" stroke=\"#000000\" stroke-width=\"1\" x1=\"0\" y1=\"1\" x2=\"2\" y2=\"3\"/>\n</svg>\n"
        );
        let expected = format!(
            "<svg>\n<path {look} d=\"M1,2h3v4h-3zM5,2h3v4h-3z\"/>\n\
             <line opacity=\"1\" stroke=\"#000000\" stroke-width=\"1\" x1=\"0\" y1=\"1\" x2=\"2\" y2=\"3\"/>\n</svg>\n"
        );
        assert_eq!(compacted(&svg), expected);
    }

    #[test]
    fn what_looks_different_stays() {
        let svg = "<polyline fill=\"none\" opacity=\"1\" stroke=\"#111111\" stroke-width=\"2\" points=\"1,2 3,4 \"/>\n\
                   <polyline fill=\"none\" opacity=\"1\" stroke=\"#222222\" stroke-width=\"2\" points=\"1,2 3,4 \"/>\n";
        assert_eq!(compacted(svg), svg);
        let same = svg.replace("222222", "111111");
        let path = "<path fill=\"none\" opacity=\"1\" stroke=\"#111111\" stroke-width=\"2\" d=\"M1,2 3,4M1,2 3,4\"/>\n";
        assert_eq!(compacted(&same), path);
    }
}
