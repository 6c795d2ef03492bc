//! Where a report is on its page: alone, or one of several.

/// Where a report is on its page.
#[derive(Clone, Debug)]
pub(super) struct Part {
    /// The level of its headings.
    pub(super) level: usize,
    /// What its ids begin with.
    pub(super) prefix: String,
}

impl Part {
    /// The only one of a page.
    pub(super) fn whole() -> Self {
        Self {
            level: 2,
            prefix: String::new(),
        }
    }
}
