//! Our functions for SQL: aggregates on histograms, and functions of one row.

mod aggregate;
mod aggregates;
mod counts;
mod described;
pub mod histogram;
mod scalars;
mod sketches;
mod time;
mod units;

use datafusion::prelude::SessionContext;

use self::time::Runs;
use crate::recording::Recording;

/// Makes our functions known to a session on these recordings.
pub(super) fn register<'a>(
    context: &SessionContext,
    recordings: impl Iterator<Item = &'a Recording>,
) {
    for aggregate in aggregates::all() {
        context.register_udaf(aggregate);
    }
    let scalars = sketches::all().into_iter().chain(units::all());
    for scalar in scalars.chain(time::all(Runs::of(recordings))) {
        context.register_udf(scalar.function());
    }
}

/// The names of our functions.
pub fn names() -> Vec<String> {
    let aggregates = aggregates::all().map(|aggregate| aggregate.name().to_owned());
    let scalars = sketches::all().into_iter().chain(units::all());
    let scalars = scalars.chain(time::all(Runs::default()));
    let scalars = scalars.map(|scalar| scalar.name.to_owned());
    aggregates.into_iter().chain(scalars).collect()
}
