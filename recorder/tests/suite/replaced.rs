//! An observed program that is overwritten or replaced while it is recorded: the new one runs
//! unharmed, and is observed in its turn; the recording has a gap for the time between.

mod builds;
mod in_place;
mod paths;
mod scene;
