//! One file per command. Each takes a [`Reading`](crate::figures::Reading) or runs, computes the
//! figures that it shows, and prints or writes them. None of them opens a recording.

pub(crate) mod baseline;
pub(crate) mod changes;
pub(crate) mod chart;
pub(crate) mod compare;
pub(crate) mod export;
pub(crate) mod info;
pub(crate) mod power;
pub(crate) mod report;
pub(crate) mod soak;
pub(crate) mod sql;
pub(crate) mod summary;

use soakbox_cli::message;

use crate::figures::Warning;

/// Reports warnings on stderr.
pub(crate) fn warn(warnings: &[Warning]) {
    for warning in warnings {
        message::line(format_args!("warning: {warning}"));
    }
}
