//! Colours, dashes and markers. The colours of series are those of Okabe and Ito, some of them darker
//! for contrast; colour-blind readers can tell them apart. Each has a dash and a marker too, so that
//! nothing depends on colour alone.

use plotters::prelude::*;
use plotters::style::TextStyle;

/// What a mark is drawn with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ink {
    /// The series of this number.
    Series(usize),
    /// A level of a heat map, from 0, the lowest.
    Level(usize),
    /// Text and lines that matter most.
    Main,
    /// Secondary.
    Muted,
    /// Where nothing was observed.
    Gap,
    /// Where operations were lost.
    Loss,
    /// An annotated moment.
    Note,
    /// A tolerated range.
    Tolerance,
}

/// Background.
pub(super) const PAPER: RGBColor = RGBColor(0xff, 0xff, 0xff);
/// Text.
const INK: RGBColor = RGBColor(0x1f, 0x23, 0x28);
/// Secondary text.
const MUTED: RGBColor = RGBColor(0x59, 0x63, 0x6e);
/// Axes.
pub(super) const AXIS: RGBColor = RGBColor(0x81, 0x8b, 0x98);
/// Grid lines.
pub(super) const GRID: RGBColor = RGBColor(0xe1, 0xe4, 0xe8);
const GAP: RGBColor = RGBColor(0xe6, 0xe8, 0xeb);
const LOSS: RGBColor = RGBColor(0xaa, 0x44, 0x99);
const NOTE: RGBColor = RGBColor(0x6e, 0x77, 0x81);
const TOLERANCE: RGBColor = RGBColor(0xee, 0xf1, 0xf4);

/// The look of a series.
#[derive(Clone, Copy, Debug)]
pub(super) struct SeriesLook {
    pub(super) colour: RGBColor,
    /// As SVG's `stroke-dasharray`; empty is solid.
    pub(super) dash: &'static str,
    dark: &'static str,
}

const fn series(colour: RGBColor, dash: &'static str, dark: &'static str) -> SeriesLook {
    SeriesLook { colour, dash, dark }
}

/// The looks of series, in their order: blue, orange, vermillion, green, purple, grey.
pub(super) const SERIES: [SeriesLook; 6] = [
    series(RGBColor(0x00, 0x72, 0xb2), "", "#56b4e9"),
    series(RGBColor(0xb8, 0x77, 0x00), "9 3", "#e6b03c"),
    series(RGBColor(0xd5, 0x5e, 0x00), "3 2", "#ff8344"),
    series(RGBColor(0x00, 0x87, 0x63), "12 3 3 3", "#2fc79c"),
    series(RGBColor(0x8a, 0x4f, 0x9e), "1 3", "#c99ddb"),
    series(RGBColor(0x4d, 0x56, 0x61), "6 2 2 2 2 2", "#adbac7"),
];

/// The levels of a heat map: the darker, and in the dark mode the brighter, the more.
pub(super) const LEVELS: [(RGBColor, &str); 7] = [
    (RGBColor(0xd2, 0xe3, 0xf3), "#15304a"),
    (RGBColor(0xaa, 0xcf, 0xe9), "#1b486d"),
    (RGBColor(0x7c, 0xb4, 0xdc), "#226395"),
    (RGBColor(0x4c, 0x92, 0xc9), "#3a86bd"),
    (RGBColor(0x27, 0x6b, 0xaa), "#62a9d6"),
    (RGBColor(0x14, 0x4b, 0x81), "#99cbea"),
    (RGBColor(0x08, 0x2c, 0x53), "#d8effc"),
];

/// Colours that differ between the modes: each in the light mode and in the dark mode.
pub(super) fn dark() -> impl Iterator<Item = (RGBColor, &'static str)> {
    let plain = [
        (PAPER, "#0d1117"),
        (INK, "#e6edf3"),
        (MUTED, "#9da7b3"),
        (AXIS, "#6e7681"),
        (GRID, "#262c34"),
        (GAP, "#2a3038"),
        (LOSS, "#d68ac8"),
        (NOTE, "#8b949e"),
        (TOLERANCE, "#1b2129"),
    ];
    let series = SERIES.into_iter().map(|look| (look.colour, look.dark));
    plain.into_iter().chain(series).chain(LEVELS)
}

impl Ink {
    pub(super) fn colour(self) -> RGBColor {
        match self {
            Self::Series(number) => SERIES[number % SERIES.len()].colour,
            Self::Level(level) => LEVELS[level.min(LEVELS.len() - 1)].0,
            Self::Main => INK,
            Self::Muted => MUTED,
            Self::Gap => GAP,
            Self::Loss => LOSS,
            Self::Note => NOTE,
            Self::Tolerance => TOLERANCE,
        }
    }
}

/// A colour in the notation of SVG.
pub(super) fn hex(colour: RGBColor) -> String {
    format!("#{:02X}{:02X}{:02X}", colour.0, colour.1, colour.2)
}

/// Text of a size in pixels. Plotters divides sizes by 1.24.
pub(super) fn text(size: f64, ink: Ink) -> TextStyle<'static> {
    ("sans-serif", size * 1.24).into_font().color(&ink.colour())
}

/// The same, bold.
pub(super) fn bold(size: f64) -> TextStyle<'static> {
    let font = ("sans-serif", size * 1.24).into_font();
    font.style(FontStyle::Bold).color(&INK)
}
