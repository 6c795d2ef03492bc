//! `info`: the content of a recording, and whether its counts agree.

use soakbox_cli::{Format, Result, answer};

use super::warn;
use crate::figures::{Info, Reading};
use crate::output;

pub(crate) fn run(reading: &Reading, format: Format) -> Result<()> {
    warn(&reading.warnings);
    let info = Info::of(reading);
    answer::write(|out| match format {
        Format::Table => out.write_all(output::info_text(&info).as_bytes()),
        Format::Json => output::json(&info, out),
    })
}
