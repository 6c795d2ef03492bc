//! `annotations`: a text about a moment or a period. Charts draw them. A gap in the observation is
//! an annotation too.

use super::kind::{Optional, Text, Time, Word};

/// The subject of an annotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnnotationKind {
    /// The recorder began to observe.
    RecordingStarted,
    /// The recorder stopped cleanly.
    RecordingStopped,
    /// The command under observation was started.
    TargetStarted,
    /// The command ended; the text has its exit status.
    TargetExited,
    /// Not everything was observed from `at` to `until`, or nothing; the text is the cause
    /// (`crash`, …).
    Gap,
    /// A note of the recorder (a stall, an operation that was left out) or of a person.
    Note,
}

impl AnnotationKind {
    /// Every kind.
    pub const ALL: [AnnotationKind; 6] = [
        AnnotationKind::RecordingStarted,
        AnnotationKind::RecordingStopped,
        AnnotationKind::TargetStarted,
        AnnotationKind::TargetExited,
        AnnotationKind::Gap,
        AnnotationKind::Note,
    ];

    /// The value of the column `kind`.
    pub const fn name(self) -> &'static str {
        match self {
            AnnotationKind::RecordingStarted => "recording_started",
            AnnotationKind::RecordingStopped => "recording_stopped",
            AnnotationKind::TargetStarted => "target_started",
            AnnotationKind::TargetExited => "target_exited",
            AnnotationKind::Gap => "gap",
            AnnotationKind::Note => "note",
        }
    }

    /// The kind of that name; `None` for one of a newer version.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl AsRef<str> for AnnotationKind {
    fn as_ref(&self) -> &str {
        self.name()
    }
}

table! {
    /// One row per event or period: starts, stops, gaps, notes.
    "annotations";
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Annotation, AnnotationBuilder {
        /// The moment of the event, or the start of the period.
        pub at_ns as at: Time, "ns", "recorder: clock";
        /// The end of the period; null for an event, and for a gap that lasted to the end of the
        /// recording.
        pub until_ns as until: Optional<Time>, "ns", "recorder: clock";
        /// `recording_started`, `recording_stopped`, `target_started`, `target_exited`, `gap` or
        /// `note`.
        pub kind: Word<AnnotationKind>, "", "recorder";
        /// A description in words; for a gap, its cause.
        pub text: Text, "", "recorder, or a person";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_parsed_from_its_name_and_named_in_the_documentation() {
        let documented = Annotation::DECLARATION.columns.iter();
        let documented = documented
            .filter(|column| column.name == "kind")
            .map(|column| column.description());
        let documented: String = documented.collect();
        for kind in AnnotationKind::ALL {
            assert_eq!(AnnotationKind::parse(kind.name()), Some(kind));
            assert!(
                documented.contains(&format!("`{}`", kind.name())),
                "{kind:?}"
            );
        }
        assert_eq!(AnnotationKind::parse("nonsense"), None);
    }
}
