//! A chart before it is drawn: panels with axes and marks, in positions of the axes. A kind of chart
//! makes one of its figures; only the drawing below it knows pixels.

use super::scale::Scale;
use super::theme::Ink;

/// A chart before it is drawn.
#[derive(Clone, Debug)]
pub struct Picture {
    /// The heading of a chart in a file of its own.
    pub(super) heading: String,
    /// What is shown, in one or two lines.
    pub(super) subtitle: String,
    /// The title for screen readers.
    pub(super) title: String,
    /// What there is to see, in words.
    pub(super) description: String,
    /// What the marks mean.
    pub(super) legend: Vec<Key>,
    /// From top to bottom.
    pub(super) panels: Vec<Panel>,
}

/// One entry of a legend.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Key {
    pub(super) sample: Sample,
    pub(super) label: String,
}

/// What a legend shows before a label.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Sample {
    Line(Ink),
    Band(Ink),
    Block(Ink),
    Strip(Ink),
    Marker(Ink, Marker),
    /// The levels of a heat map, from the first label to the last one.
    Levels,
}

/// Two axes and what is drawn between them.
#[derive(Clone, Debug)]
pub(super) struct Panel {
    /// What it is about, left above it; empty for none.
    pub(super) heading: String,
    /// Right above it.
    pub(super) note: String,
    /// Height of the part between the axes, pixels.
    pub(super) height: u32,
    pub(super) x: Scale,
    pub(super) y: Scale,
    pub(super) x_title: String,
    pub(super) y_title: String,
    /// Labels at the right, at heights of the vertical axis.
    pub(super) right: Vec<(f64, String)>,
    /// Rows of labels above the plot, each with a line through it.
    pub(super) flags: Vec<Vec<Flag>>,
    /// In the order in which they are drawn.
    pub(super) marks: Vec<Mark>,
    /// Instead of marks, why there are none.
    pub(super) empty: Option<String>,
}

/// A labelled moment or value on the horizontal axis.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Flag {
    pub(super) at: f64,
    pub(super) label: String,
    pub(super) ink: Ink,
}

/// The form of a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Marker {
    Circle,
    Triangle,
    TriangleDown,
    Square,
    Diamond,
    Cross,
}

impl Marker {
    /// The marker of the series of this number.
    pub(super) fn of_series(number: usize) -> Self {
        const ALL: [Marker; 6] = [
            Marker::Circle,
            Marker::Square,
            Marker::Triangle,
            Marker::Diamond,
            Marker::TriangleDown,
            Marker::Cross,
        ];
        ALL[number % ALL.len()]
    }
}

/// Something drawn, in positions of the axes.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Mark {
    /// Ranges of the horizontal axis, over the whole height.
    Ranges(Vec<(f64, f64)>, Ink),
    /// Ranges of the horizontal axis, as a strip at the bottom.
    Strip(Vec<(f64, f64)>, Ink),
    /// A line; NaN interrupts it.
    Line(Vec<(f64, f64)>, Ink),
    /// Markers at points.
    Points(Vec<(f64, f64)>, Ink, Marker),
    /// The smallest and the largest of many values, per column of pixels.
    Envelope(Vec<(f64, f64)>, Ink),
    /// From the second to the third number of each point; NaN interrupts it.
    Band(Vec<(f64, f64, f64)>, Ink),
    /// Rectangles: left, right, bottom, top.
    Cells(Vec<[f64; 4]>, Ink),
    /// A vertical line over the whole height.
    Down(f64, Ink),
    /// A horizontal line over the whole width.
    Across(f64, Ink),
    /// A value with its interval, across at a height: an end outside of the axis has an arrow.
    Interval {
        at: f64,
        value: f64,
        low: f64,
        high: f64,
        is_vertical: bool,
        ink: Ink,
        marker: Marker,
    },
    /// A short vertical or horizontal line at a value of one row.
    Tick {
        at: f64,
        value: f64,
        is_vertical: bool,
        ink: Ink,
    },
    /// A text next to a point.
    Text {
        at: (f64, f64),
        label: String,
        ink: Ink,
    },
}

impl Panel {
    /// An empty panel.
    pub(super) fn new(heading: String, x: Scale, y: Scale) -> Self {
        Self {
            heading,
            note: String::new(),
            height: 168,
            x,
            y,
            x_title: String::new(),
            y_title: String::new(),
            right: Vec::new(),
            flags: Vec::new(),
            marks: Vec::new(),
            empty: None,
        }
    }
}
