//! Why a part of a file is no operation, without the name of the file. Pure.

/// Why a record is no operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) reason: String,
    /// The next step.
    pub(super) hint: Option<&'static str>,
}

impl Refusal {
    /// The same with the place in the file, which `place` adds to the reason.
    pub(super) fn at(self, place: impl FnOnce(&str) -> String) -> Self {
        Self {
            reason: place(&self.reason),
            hint: self.hint,
        }
    }

    /// The same with the next step.
    pub(super) fn hint(self, hint: &'static str) -> Self {
        Self {
            hint: Some(hint),
            ..self
        }
    }
}

impl From<String> for Refusal {
    fn from(reason: String) -> Self {
        Self { reason, hint: None }
    }
}

impl From<&str> for Refusal {
    fn from(reason: &str) -> Self {
        reason.to_owned().into()
    }
}
