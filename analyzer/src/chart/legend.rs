//! The legend: a sample and a label for each look of a mark, in as many rows as needed.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::canvas::{Area, Drawn};
use super::letters::{cut, width};
use super::marks::marker;
use super::picture::{Key, Sample};
use super::theme::{Ink, LEVELS, text};

/// Size of the labels.
const SIZE: f64 = 12.0;
/// Height of a row.
const ROW: u32 = 20;
/// Width of a sample, and the space to its label.
const SAMPLE: i32 = 34;
/// Width of one level of a heat map.
const LEVEL: i32 = 20;
/// Space between two entries.
const BETWEEN: f64 = 20.0;

/// A legend whose entries have their places.
pub(super) struct Legend<'a> {
    entries: Vec<(&'a Key, String, (i32, i32))>,
    rows: u32,
}

impl<'a> Legend<'a> {
    /// Places the entries into rows of `room` pixels.
    pub(super) fn new(keys: &'a [Key], room: f64) -> Self {
        let mut entries = Vec::new();
        let (mut x, mut row) = (0.0, 0);
        for key in keys {
            let sample = f64::from(sample_width(key.sample));
            let label = cut(&key.label, SIZE, room - sample);
            let length = sample + width(&label, SIZE);
            if x > 0.0 && x + length > room {
                (x, row) = (0.0, row + 1);
            }
            entries.push((key, label, (x as i32, row * ROW as i32)));
            x += length + BETWEEN;
        }
        let rows = if keys.is_empty() { 0 } else { row as u32 + 1 };
        Self { entries, rows }
    }

    pub(super) fn height(&self) -> u32 {
        self.rows * ROW
    }

    pub(super) fn draw<'b>(&self, root: &Area<'b>, at: (i32, i32)) -> Drawn<'b> {
        for (key, label, place) in &self.entries {
            let (x, y) = (at.0 + place.0, at.1 + place.1 + ROW as i32 / 2);
            sample(root, key.sample, (x, y))?;
            let style = text(SIZE, Ink::Main).pos(Pos::new(HPos::Left, VPos::Center));
            let x = x + sample_width(key.sample);
            root.draw(&Text::new(label.clone(), (x, y), style))?;
        }
        Ok(())
    }
}

fn sample_width(sample: Sample) -> i32 {
    match sample {
        Sample::Marker(..) => 18,
        Sample::Levels => LEVEL * LEVELS.len() as i32 + 8,
        _ => SAMPLE,
    }
}

fn sample<'b>(root: &Area<'b>, sample: Sample, (x, y): (i32, i32)) -> Drawn<'b> {
    let block = |from: (i32, i32), to: (i32, i32), style: ShapeStyle| {
        root.draw(&Rectangle::new([from, to], style))
    };
    match sample {
        Sample::Line(ink) => root.draw(&PathElement::new(
            vec![(x, y), (x + 27, y)],
            ink.colour().stroke_width(2),
        )),
        Sample::Band(ink) => block(
            (x, y - 6),
            (x + 27, y + 6),
            ink.colour().mix(super::marks::BAND).filled(),
        ),
        Sample::Block(ink) => block((x, y - 6), (x + 27, y + 6), ink.colour().filled()),
        Sample::Strip(ink) => block((x, y - 3), (x + 27, y + 3), ink.colour().filled()),
        Sample::Marker(ink, form) => marker(root, (x + 6, y), form, ink),
        Sample::Levels => {
            for level in 0..LEVELS.len() {
                let from = x + LEVEL * level as i32;
                let style = Ink::Level(level).colour().filled();
                block((from, y - 6), (from + LEVEL, y + 6), style)?;
            }
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_that_do_not_fit_are_in_further_rows() {
        let key = |label: &str| Key {
            sample: Sample::Line(Ink::Series(0)),
            label: label.to_owned(),
        };
        let keys: Vec<Key> = (0..9)
            .map(|index| key(&format!("recording {index}")))
            .collect();
        let legend = Legend::new(&keys, 400.0);
        assert_eq!(legend.height(), 3 * ROW);
        for (_, label, (x, _)) in &legend.entries {
            let end = f64::from(x + SAMPLE) + width(label, SIZE);
            assert!(end <= 400.0, "{label} ends at {end}");
        }
        assert_eq!(Legend::new(&[], 400.0).height(), 0);
    }
}
