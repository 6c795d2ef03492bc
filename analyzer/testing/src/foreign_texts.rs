//! Recordings with hostile texts: names and notes that somebody else chose.

use std::path::Path;

use soakbox_schemas::tables::{
    Annotation, AnnotationKind, OperationInfo, OperationLogBuilder, OperationMetrics, Table,
};

use crate::soak::Noise;
use crate::{Recorder, Soak, annotation};

/// Texts that a program, a host or a person may put into a recording. Each would do harm in its own
/// way if a terminal or a page interpreted it.
pub const HOSTILE_TEXTS: [&str; 14] = [
    "\u{1b}[31mred\nline2",
    "\r\u{1b}[2K\u{1b}[1Agone",
    "bell\u{7} backspace\u{8} null\u{0} delete\u{7f}",
    "\u{9b}2J C1 \u{85} next line",
    "a\tb\u{b}c\u{c}d",
    "user\u{202e}gpj.exe \u{202a}\u{202b}\u{202c}\u{202d}",
    "\u{2066}a\u{2067}b\u{2068}c\u{2069} \u{200e}\u{200f}\u{61c}",
    "zero\u{200b}width\u{200c}\u{200d}\u{2060}\u{feff}",
    "line\u{2028}paragraph\u{2029}separators",
    "\u{fffe}\u{ffff}\u{fdd0}\u{1ffff} no characters",
    "</title><script>alert(1)</script><svg onload=\"alert(1)\">",
    "]]> <!-- --> <![CDATA[ & &amp; &#27; &#x202e; '\"`",
    "日本語 naïve e\u{301} 😀 👩\u{200d}🔬",
    "{operations} {window} '; DROP TABLE operation_log; --",
];

/// The texts in a recording that somebody else chooses: names of programs and hosts, notes.
#[derive(Clone, Debug)]
pub struct ForeignTexts {
    pub operation: String,
    pub host: String,
    pub target: String,
    pub note: String,
    pub gap: String,
}

impl ForeignTexts {
    /// The same text everywhere.
    pub fn all(text: &str) -> Self {
        Self {
            operation: text.to_owned(),
            host: text.to_owned(),
            target: text.to_owned(),
            note: text.to_owned(),
            gap: text.to_owned(),
        }
    }

    /// Writes a small sealed recording with these texts, losses and a gap.
    pub fn seal(&self, root: &Path) {
        let mut recorder = Recorder::new(root);
        recorder.host.clone_from(&self.host);
        recorder.cpu.model = Some(self.host.clone());
        recorder.target.clone_from(&self.target);
        let plan = [OperationInfo {
            name: self.operation.clone(),
            operation_type: 1,
        }];
        let soak = Soak {
            seconds: 20,
            lost: 1,
            ..Soak::default()
        };
        let mut noise = Noise(1);
        let mut builder = OperationLogBuilder::new(&plan);
        let mut metrics = Vec::new();
        for second in 0..soak.seconds {
            let mut row = soak.second(second, 0, &mut noise, &mut builder);
            row.operation.clone_from(&self.operation);
            row.begun += 1;
            row.finished += 1;
            row.lost_ring_full += 1;
            metrics.push(row);
        }
        let annotations = [
            annotation(0, None, AnnotationKind::RecordingStarted, "0.1.0"),
            annotation(3, None, AnnotationKind::Note, &self.note),
            annotation(4, None, AnnotationKind::TargetStarted, &self.note),
            annotation(12, None, AnnotationKind::TargetExited, &self.note),
            annotation(15, Some(16), AnnotationKind::Gap, &self.gap),
            annotation(20, None, AnnotationKind::RecordingStopped, "interrupted"),
        ];
        recorder.seal(Table::OPERATION_LOG, &builder.finish().unwrap());
        let metrics = OperationMetrics::batch(&metrics).unwrap();
        recorder.seal(Table::OPERATION_METRICS, &metrics);
        recorder.seal(
            Table::ANNOTATIONS,
            &Annotation::batch(&annotations).unwrap(),
        );
    }
}
