//! The accumulators of our aggregates. All of them fill histograms; they differ in what they read
//! from rows and in what they answer.

mod answer;
mod grouped;
mod input;
mod single;
mod sliding;

pub(super) use answer::{Answer, item, list_type};
pub(super) use grouped::Grouped;
pub(super) use input::{Input, failed};
pub(super) use single::Single;
pub(super) use sliding::Sliding;

/// An aggregate of a query.
#[derive(Clone, Debug)]
pub(super) struct Call {
    /// The name of the function, for messages.
    pub(super) name: &'static str,
    pub(super) input: Input,
    pub(super) answer: Answer,
}
