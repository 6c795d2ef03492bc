//! Colours and lines. The palette is Okabe and Ito's, which colour-blind readers can tell apart;
//! each line has a dash pattern too, so that nothing depends on colour alone.

use plotters::prelude::*;
use plotters::style::TextStyle;

/// Background.
pub(super) const PAPER: RGBColor = RGBColor(0xff, 0xff, 0xff);
/// Text.
pub(super) const INK: RGBColor = RGBColor(0x1f, 0x23, 0x28);
/// Secondary text.
pub(super) const MUTED: RGBColor = RGBColor(0x59, 0x63, 0x6e);
/// Axes.
pub(super) const AXIS: RGBColor = RGBColor(0x81, 0x8b, 0x98);
/// Grid lines.
pub(super) const GRID: RGBColor = RGBColor(0xe1, 0xe4, 0xe8);
/// Where nothing was observed.
pub(super) const GAP: RGBColor = RGBColor(0xe6, 0xe8, 0xeb);
/// Where operations were lost (reddish purple).
pub(super) const LOSS: RGBColor = RGBColor(0xcc, 0x79, 0xa7);
/// The line at an annotated moment.
pub(super) const MOMENT: RGBColor = RGBColor(0x6e, 0x77, 0x81);

/// A percentile's line.
#[derive(Clone, Copy)]
pub(super) struct Line {
    pub(super) name: &'static str,
    pub(super) colour: RGBColor,
    /// As SVG's `stroke-dasharray`; empty is solid.
    pub(super) dash: &'static str,
}

/// The lines, from the lowest to the highest: blue, orange, vermillion.
pub(super) const LINES: [Line; 3] = [
    Line {
        name: "p50",
        colour: RGBColor(0x00, 0x72, 0xb2),
        dash: "",
    },
    Line {
        name: "p95",
        colour: RGBColor(0xe6, 0x9f, 0x00),
        dash: "9 3",
    },
    Line {
        name: "p99",
        colour: RGBColor(0xd5, 0x5e, 0x00),
        dash: "3 2",
    },
];

/// Colours that differ between the modes: each in the light mode and in the dark mode.
pub(super) const DARK: [(RGBColor, &str); 9] = [
    (PAPER, "#0d1117"),
    (INK, "#e6edf3"),
    (MUTED, "#9da7b3"),
    (AXIS, "#6e7681"),
    (GRID, "#262c34"),
    (GAP, "#2a3038"),
    (MOMENT, "#8b949e"),
    (LINES[0].colour, "#56b4e9"),
    (LINES[2].colour, "#ff8344"),
];

/// A colour in the notation of SVG.
pub(super) fn hex(colour: RGBColor) -> String {
    format!("#{:02X}{:02X}{:02X}", colour.0, colour.1, colour.2)
}

/// Text of a size in plotters' units (1.24 to a pixel).
pub(super) fn text(size: u32, colour: RGBColor) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&colour)
}

/// The same, bold.
pub(super) fn bold(size: u32) -> TextStyle<'static> {
    let font = ("sans-serif", size).into_font();
    font.style(FontStyle::Bold).color(&INK)
}
