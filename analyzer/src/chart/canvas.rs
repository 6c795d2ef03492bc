//! What everything is drawn on, and the sizes that all parts of a picture share.

use plotters::prelude::*;

use super::axis::Axis;

/// Space left and right of everything, pixels.
pub(super) const SIDE: i32 = 16;
/// Size of text that is no heading, pixels.
pub(super) const SIZE: f64 = 12.0;
/// From the plot down to the labels of the horizontal axis: the lowest label of the vertical axis is
/// above them.
pub(super) const LABELS_BELOW: i32 = 9;

/// A part of the picture, in pixels.
pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
/// The part between two axes, in their positions.
pub(super) type Plot<'a, 'b> = ChartContext<'b, SVGBackend<'a>, Cartesian2d<Axis, Axis>>;
/// What drawing gives.
pub(super) type Drawn<'a> =
    std::result::Result<(), DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>>;
