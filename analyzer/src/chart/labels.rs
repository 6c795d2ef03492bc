//! The labels of a plot: of both axes, at the right of rows, and of flags above it. None of them touches
//! another.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::canvas::{Area, Drawn, LABELS_BELOW, Plot, SIDE, SIZE};
use super::frame::Frame;
use super::letters::{cut, cut_middle, width};
use super::picture::{Flag, Panel};
use super::theme::{AXIS, Ink, text};

/// Smallest distance between two labels.
const BETWEEN: f64 = 8.0;
/// Smallest distance of two labels of the vertical axis.
const LABEL: i32 = 16;

/// Labels of the vertical axis: every one, every second one and so on, so that none touches another.
pub(super) fn y_labels<'a>(
    root: &Area<'a>,
    chart: &Plot<'a, '_>,
    panel: &Panel,
    frame: &Frame,
) -> Drawn<'a> {
    let room = f64::from(frame.left - 8 - SIDE);
    let ticks = panel.y.ticks.iter();
    let placed: Vec<(i32, &String)> = ticks
        .map(|(at, label)| (chart.backend_coord(&(panel.x.low, *at)).1, label))
        .collect();
    let fits = |every: &usize| {
        let chosen: Vec<_> = placed.iter().step_by(*every).collect();
        chosen.windows(2).all(|two| two[0].0 - two[1].0 >= LABEL)
    };
    let every = (1..=placed.len().max(1)).find(fits).unwrap_or(1);
    for (y, label) in placed.iter().step_by(every) {
        let style = text(SIZE, Ink::Muted).pos(Pos::new(HPos::Right, VPos::Center));
        let label = cut_middle(label, SIZE, room);
        root.draw(&Text::new(label, (frame.left - 8, *y), style))?;
    }
    Ok(())
}

/// Labels at the right of rows.
pub(super) fn right_labels<'a>(
    root: &Area<'a>,
    chart: &Plot<'a, '_>,
    panel: &Panel,
    frame: &Frame,
) -> Drawn<'a> {
    for (at, label) in &panel.right {
        let (_, y) = chart.backend_coord(&(panel.x.low, *at));
        let style = text(SIZE, Ink::Main).pos(Pos::new(HPos::Left, VPos::Center));
        let label = cut(label, SIZE, f64::from(frame.right - 10));
        root.draw(&Text::new(label, (frame.right() + 8, y), style))?;
    }
    Ok(())
}

/// Labels of the horizontal axis: every one, every second one and so on, so that none touches another.
pub(super) fn x_labels<'a>(
    root: &Area<'a>,
    chart: &Plot<'a, '_>,
    panel: &Panel,
    plot_bottom: i32,
    frame: &Frame,
) -> Drawn<'a> {
    let edges = (2.0, f64::from(frame.width) - 2.0);
    let most = f64::from(frame.plot_width()) / 2.0;
    let placed: Vec<(i32, f64, String)> = panel
        .x
        .ticks
        .iter()
        .map(|(at, label)| {
            let (x, _) = chart.backend_coord(&(*at, panel.y.low));
            let label = cut(label, SIZE, most);
            let half = width(&label, SIZE) / 2.0;
            let middle = f64::from(x).clamp(edges.0 + half, (edges.1 - half).max(edges.0 + half));
            (x, middle, label)
        })
        .collect();
    let fits = |every: &usize| {
        let chosen: Vec<_> = placed.iter().step_by(*every).collect();
        chosen.windows(2).all(|two| {
            let halves = (width(&two[0].2, SIZE) + width(&two[1].2, SIZE)) / 2.0;
            two[1].1 - two[0].1 >= halves + BETWEEN
        })
    };
    let every = (1..=placed.len().max(1)).find(fits).unwrap_or(1);
    for (x, middle, label) in placed.iter().step_by(every) {
        root.draw(&PathElement::new(
            vec![(*x, plot_bottom), (*x, plot_bottom + 4)],
            AXIS.stroke_width(1),
        ))?;
        let style = text(SIZE, Ink::Muted).pos(Pos::new(HPos::Center, VPos::Top));
        let at = (middle.round() as i32, plot_bottom + LABELS_BELOW);
        root.draw(&Text::new(label.clone(), at, style))?;
    }
    Ok(())
}

/// Thin lines from `line_top` through the plot, each with its label in the row above. A label that would touch the one
/// before it is left out.
pub(super) fn flags<'a>(
    root: &Area<'a>,
    chart: &Plot<'a, '_>,
    panel: &Panel,
    flags: &[Flag],
    (row_top, line_top): (i32, i32),
    plot_bottom: i32,
    frame: &Frame,
) -> Drawn<'a> {
    let mut free_from = 0.0;
    let mut drawn = i32::MIN;
    for flag in flags {
        let (x, _) = chart.backend_coord(&(flag.at, panel.y.low));
        // Two lines closer than this cannot be told apart.
        if x.saturating_sub(drawn) < 3 {
            continue;
        }
        drawn = x;
        root.draw(&PathElement::new(
            vec![(x, line_top), (x, plot_bottom)],
            flag.ink.colour().stroke_width(1),
        ))?;
        let room = f64::from(frame.width - 4) - f64::from(frame.left);
        let label = cut(&flag.label, SIZE, room.min(240.0));
        let length = width(&label, SIZE);
        let last = f64::from(frame.width - 4) - length;
        let left = (f64::from(x) - 2.0).min(last);
        if label.is_empty() || left < free_from {
            continue;
        }
        free_from = left + length + BETWEEN;
        let style = text(SIZE, flag.ink).pos(Pos::new(HPos::Left, VPos::Top));
        root.draw(&Text::new(label, (left as i32, row_top), style))?;
    }
    Ok(())
}
