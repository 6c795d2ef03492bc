//! Places a picture on a page: title, subtitle, legend, and one panel below the other. Alone in a file
//! or embedded in a document.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use soakbox_cli::{Failure, Result};

use super::canvas::SIDE;
use super::frame::Frame;
use super::legend::Legend;
use super::letters::{cut_bold, wrapped};
use super::panel::{draw, height, plot};
use super::picture::Picture;
use super::svg;
use super::theme::{Ink, PAPER, bold, text};

/// Width of a chart in a file of its own.
const WIDTH: u32 = 960;
/// Size of the heading.
const HEADING: f64 = 18.0;
/// Size of the subtitle.
const SUBTITLE: f64 = 12.0;
/// Height of a line of the subtitle.
const LINE: u32 = 17;

/// A chart as a file of its own.
///
/// # Errors
/// Where plotters fails; drawing into memory does not fail.
pub(super) fn page(picture: &Picture) -> Result<String> {
    let (svg, _) = whole(picture, "chart", WIDTH, true)?;
    Ok(svg)
}

/// Where a panel's plot is: left, top, width, height, pixels.
pub(super) type Place = [i32; 4];

/// A chart in a document, without heading and subtitle, and where its plots are.
///
/// # Errors
/// As [`page`].
pub(super) fn embedded(
    picture: &mut Picture,
    id: &str,
    width: u32,
) -> Result<(String, Vec<Place>)> {
    if let [only] = picture.panels.as_mut_slice() {
        // The document has them as its own heading and caption.
        only.heading.clear();
        only.note.clear();
    }
    whole(picture, id, width, false)
}

fn whole(
    picture: &Picture,
    id: &str,
    width: u32,
    standalone: bool,
) -> Result<(String, Vec<Place>)> {
    let room = f64::from(width) - 2.0 * f64::from(SIDE);
    let lines = match standalone {
        true => wrapped(&picture.subtitle, SUBTITLE, room, 3),
        false => Vec::new(),
    };
    let mut top = if standalone { 40 } else { 4 };
    let subtitle_top = top;
    top += lines.len() as u32 * LINE;
    let legend = Legend::new(&picture.legend, room);
    let legend_top = top + 8;
    if legend.height() > 0 {
        top = legend_top + legend.height() + 4;
    }
    top += 8;
    let frame = Frame::of(&picture.panels, width);
    let heights: Vec<u32> = picture.panels.iter().map(height).collect();
    let total = top + heights.iter().sum::<u32>() + 4;

    let mut drawn = String::new();
    let mut plots = Vec::new();
    {
        let root = SVGBackend::with_string(&mut drawn, (width, total)).into_drawing_area();
        if standalone {
            root.fill(&PAPER).map_err(failed)?;
            let heading = cut_bold(&picture.heading, HEADING, room);
            let style = bold(HEADING).pos(Pos::new(HPos::Left, VPos::Top));
            root.draw(&Text::new(heading, (SIDE, 14), style))
                .map_err(failed)?;
            for (index, line) in lines.iter().enumerate() {
                let y = subtitle_top as i32 + index as i32 * LINE as i32;
                let style = text(SUBTITLE, Ink::Muted);
                root.draw(&Text::new(line.clone(), (SIDE, y), style))
                    .map_err(failed)?;
            }
        }
        legend
            .draw(&root, (SIDE, legend_top as i32))
            .map_err(failed)?;
        let mut y = top as i32;
        for (panel, height) in picture.panels.iter().zip(&heights) {
            draw(&root, panel, y, &frame).map_err(failed)?;
            plots.push(plot(panel, y, &frame));
            y += *height as i32;
        }
        root.present().map_err(failed)?;
    }
    let (title, description) = (&picture.title, &picture.description);
    let svg = svg::finish(&drawn, id, title, description, standalone);
    Ok((svg, plots))
}

fn failed<E: std::error::Error + Send + Sync>(error: DrawingAreaErrorKind<E>) -> Failure {
    Failure::new("chart", error)
}
