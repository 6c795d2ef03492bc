//! Runs as windows: the rows and losses of each operation, summed over windows of equal length, in
//! one pass over the files and bounded memory. Every command that judges or draws a recording reads
//! it here.
//! [`read`] does the reading, and [`losses`] that of losses alone; everything else is pure.

mod balance;
mod check;
mod columns;
mod complete;
mod count_rows;
mod counts;
mod cut;
mod durations;
mod finished;
mod fold;
mod intervals;
mod known_time;
mod length;
mod log_rows;
mod losses;
mod made_up;
mod merged;
mod observed;
mod observed_time;
mod open_window;
mod read;
mod roll_up;
mod run;
mod series;
mod source;
mod tally;
mod totals;
mod window;

pub use counts::OperationCounts;
pub use cut::Cut;
pub use fold::{Fold, Row};
pub use length::{MOST_WINDOWS, WindowLength};
pub use losses::losses;
pub use made_up::{MADE_UP, MadeUpTimes};
pub use read::{Observation, read, rows_read};
pub use run::{FinishedWindows, OF_FINISHED, Run, RunIdentity, Target};
pub use series::{DurationsOf, Series};
pub use tally::Measured;
pub use totals::OperationTotals;
pub use window::{Finished, Represented, Window, mean};
