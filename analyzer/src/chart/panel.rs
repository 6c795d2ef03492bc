//! One panel: heading, titles and labels of the axes, grid, flags, marks. All text has its place outside
//! of the plot, or where no other text is.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::axis::Axis;
use super::canvas::{Area, Drawn, LABELS_BELOW, SIDE, SIZE};
use super::frame::Frame;
use super::labels::{flags, right_labels, x_labels, y_labels};
use super::letters::{cut, cut_bold, width};
use super::marks;
use super::picture::{Flag, Panel};
use super::theme::{AXIS, GRID, Ink, bold, text};

/// Size of a heading.
const HEADING: f64 = 14.0;
/// Height of the row of the heading.
const HEADING_ROW: u32 = 22;
/// Height of a row of text.
const ROW: u32 = 17;
/// Space below a panel.
const BELOW: u32 = 14;
/// The height of a panel with all of its text.
pub(super) fn height(panel: &Panel) -> u32 {
    above(panel) + panel.height + below(panel)
}

fn above(panel: &Panel) -> u32 {
    let has_heading = !panel.heading.is_empty() || !panel.note.is_empty();
    let flags = panel.flags.iter().filter(|flags| has_labels(flags));
    let rows = usize::from(!panel.y_title.is_empty()) + flags.count();
    u32::from(has_heading) * HEADING_ROW + rows as u32 * ROW + 6
}

fn has_labels(flags: &[Flag]) -> bool {
    flags.iter().any(|flag| !flag.label.is_empty())
}

fn below(panel: &Panel) -> u32 {
    let has_title = u32::from(!panel.x_title.is_empty());
    ROW + LABELS_BELOW as u32 + has_title * ROW + BELOW
}

/// Where the part between the axes is, of a panel whose top is at `top`.
pub(super) fn plot(panel: &Panel, top: i32, frame: &Frame) -> [i32; 4] {
    let top = top + above(panel) as i32;
    [frame.left, top, frame.plot_width(), panel.height as i32]
}

/// Draws a panel whose top is at `top`.
pub(super) fn draw<'a>(root: &Area<'a>, panel: &Panel, top: i32, frame: &Frame) -> Drawn<'a> {
    let mut y = top;
    if !panel.heading.is_empty() || !panel.note.is_empty() {
        heading(root, panel, y, frame)?;
        y += HEADING_ROW as i32;
    }
    if !panel.y_title.is_empty() {
        let title = cut(&panel.y_title, SIZE, f64::from(frame.width - 2 * SIDE));
        let style = text(SIZE, Ink::Muted).pos(Pos::new(HPos::Left, VPos::Top));
        root.draw(&Text::new(title, (SIDE, y), style))?;
        y += ROW as i32;
    }
    let [_, plot_top, _, plot_height] = plot(panel, top, frame);
    let plot_bottom = plot_top + plot_height;
    let area = root.clone().shrink(
        (frame.left, plot_top),
        (frame.plot_width() as u32, panel.height),
    );
    let mut chart =
        ChartBuilder::on(&area).build_cartesian_2d(Axis::new(&panel.x), Axis::new(&panel.y))?;
    let (behind, before): (Vec<_>, Vec<_>) =
        panel.marks.iter().partition(|mark| marks::is_behind(mark));
    for mark in behind {
        marks::draw(&mut chart, panel, mark, frame.columns)?;
    }
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .disable_x_mesh()
        .draw()?;
    for (row, of_row) in panel.flags.iter().enumerate() {
        let is_last = row + 1 == panel.flags.len();
        let row_height = if has_labels(of_row) { ROW as i32 } else { 0 };
        let line_top = if is_last {
            y + row_height - 2
        } else {
            plot_top
        };
        flags(
            root,
            &chart,
            panel,
            of_row,
            (y, line_top),
            plot_bottom,
            frame,
        )?;
        y += row_height;
    }
    for mark in before {
        marks::draw(&mut chart, panel, mark, frame.columns)?;
    }
    root.draw(&PathElement::new(
        vec![
            (frame.left, plot_top),
            (frame.left, plot_bottom),
            (frame.left + frame.plot_width(), plot_bottom),
        ],
        AXIS.stroke_width(1),
    ))?;
    if let Some(reason) = &panel.empty {
        let style = text(SIZE, Ink::Muted).pos(Pos::new(HPos::Center, VPos::Center));
        let middle = (
            frame.left + frame.plot_width() / 2,
            (plot_top + plot_bottom) / 2,
        );
        let reason = cut(reason, SIZE, f64::from(frame.plot_width()));
        root.draw(&Text::new(reason, middle, style))?;
    }
    y_labels(root, &chart, panel, frame)?;
    right_labels(root, &chart, panel, frame)?;
    x_labels(root, &chart, panel, plot_bottom, frame)?;
    if !panel.x_title.is_empty() {
        let style = text(SIZE, Ink::Muted).pos(Pos::new(HPos::Center, VPos::Top));
        let at = (
            frame.left + frame.plot_width() / 2,
            plot_bottom + LABELS_BELOW + ROW as i32,
        );
        let title = cut(&panel.x_title, SIZE, f64::from(frame.plot_width()));
        root.draw(&Text::new(title, at, style))?;
    }
    Ok(())
}

fn heading<'a>(root: &Area<'a>, panel: &Panel, y: i32, frame: &Frame) -> Drawn<'a> {
    let right = frame.width - SIDE;
    let room = f64::from(right - SIDE);
    let note = cut(&panel.note, SIZE, room * 0.6);
    let note_width = width(&note, SIZE);
    let left = room - note_width - if note.is_empty() { 0.0 } else { 16.0 };
    let heading = cut_bold(&panel.heading, HEADING, left);
    if !heading.is_empty() {
        let style = bold(HEADING).pos(Pos::new(HPos::Left, VPos::Top));
        root.draw(&Text::new(heading, (SIDE, y), style))?;
    }
    if !note.is_empty() {
        let style = text(SIZE, Ink::Muted).pos(Pos::new(HPos::Right, VPos::Top));
        root.draw(&Text::new(note, (right, y + 2), style))?;
    }
    Ok(())
}
