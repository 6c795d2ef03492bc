//! A steady load of many operations with wide durations, of any length: for measurements of memory
//! and time. It is written in parts, so that its length needs no memory.

use std::path::Path;

use soakbox_schemas::event::{OperationEvent, flags};
use soakbox_schemas::tables::histogram::SparseHistogram;
use soakbox_schemas::tables::{
    Annotation, AnnotationKind, OperationInfo, OperationLogBuilder, OperationMetrics,
    RecorderHealth, Table,
};

use crate::soak::{BOOT_INTERVAL, Noise};
use crate::{Recorder, SECOND, START_NS, annotation};

/// A load.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    pub seconds: i64,
    pub operations: u16,
    /// Of each operation; below 1 some seconds have none.
    pub per_second: f64,
    /// Standard deviation of the logarithm of durations. Their median is 1 ms for the first
    /// operation, 2 ms for the second, and so on.
    pub sigma: f64,
    /// Factor of every duration.
    pub scale: f64,
    /// Each seed is a run of its own.
    pub seed: u64,
    /// Seconds from [`START_NS`] to the begin.
    pub begin: i64,
    /// Most rows of a file, but for those of the last second.
    pub file_rows: usize,
    /// Whether a filter left out all rows, so that counts and histograms are all there is.
    pub is_filtered: bool,
}

impl Default for Load {
    fn default() -> Self {
        Self {
            seconds: 600,
            operations: 20,
            per_second: 10.0,
            sigma: 0.5,
            scale: 1.0,
            seed: 1,
            begin: 0,
            file_rows: 1 << 20,
            is_filtered: false,
        }
    }
}

impl Load {
    /// Writes it as a sealed recording.
    pub fn seal(&self, root: &Path) {
        let plan: Vec<OperationInfo> = (0..self.operations).map(info).collect();
        let mut recorder = Recorder::new(root);
        recorder.encodes = true;
        recorder.uuid = format!("{:08x}-0000-4000-8000-000000000002", self.seed);
        let mut noise = Noise(self.seed);
        let mut log = OperationLogBuilder::new(&plan);
        let mut counts = Vec::new();
        for second in 0..self.seconds {
            for operation in 0..self.operations {
                counts.push(self.second(second, operation, &plan, &mut noise, &mut log));
            }
            let is_last = second + 1 == self.seconds;
            if log.len() >= self.file_rows || (is_last && !log.is_empty()) {
                recorder.seal(Table::OPERATION_LOG, &log.finish().unwrap());
            }
            if counts.len() >= self.file_rows || is_last {
                let batch = OperationMetrics::batch(&counts).unwrap();
                recorder.seal(Table::OPERATION_METRICS, &batch);
                counts.clear();
            }
        }
        let health: Vec<RecorderHealth> = (0..self.seconds).map(|s| self.health(s)).collect();
        let health = RecorderHealth::batch(&health).unwrap();
        recorder.seal(Table::RECORDER_HEALTH, &health);
        let end = self.begin + self.seconds;
        let annotations = [
            annotation(self.begin, None, AnnotationKind::RecordingStarted, "0.1.0"),
            annotation(end, None, AnnotationKind::RecordingStopped, "interrupted"),
        ];
        let annotations = Annotation::batch(&annotations).unwrap();
        recorder.seal(Table::ANNOTATIONS, &annotations);
    }

    /// The rows of one operation in one second, and its counts.
    fn second(
        &self,
        second: i64,
        operation: u16,
        plan: &[OperationInfo],
        noise: &mut Noise,
        log: &mut OperationLogBuilder,
    ) -> OperationMetrics {
        let until = |second: i64| (second as f64 * self.per_second) as u64;
        let number = until(second + 1) - until(second);
        let boot_ns = (BOOT_INTERVAL as i64 + second) * SECOND;
        let offset_ns = START_NS + (self.begin - BOOT_INTERVAL as i64) * SECOND;
        let interval = BOOT_INTERVAL + second as u64;
        let median = 1e6 * f64::from(operation + 1) * self.scale;
        let mut durations = SparseHistogram::default();
        let mut duration_sum_ns = 0;
        for index in 0..number {
            let duration_ns = median * (self.sigma * noise.normal()).exp();
            duration_sum_ns += duration_ns as u64;
            durations.add(duration_ns as i64);
            if self.is_filtered {
                continue;
            }
            let event = OperationEvent {
                finished_boot_ns: (boot_ns + SECOND * index as i64 / number as i64) as u64,
                duration_ns: duration_ns as u64,
                cpu_ns: (duration_ns * 0.6) as u64,
                memory_bytes: 64 << 20,
                pid: 4242,
                tid: 4242,
                interval: interval as u32,
                operation,
                flags: flags::CPU | flags::MEMORY | flags::SUCCESS_KNOWN | flags::SUCCESS,
                ..OperationEvent::default()
            };
            assert!(log.push(&event, offset_ns));
        }
        let mut bytes = Vec::new();
        durations.encode(&mut bytes);
        OperationMetrics {
            at_ns: START_NS + (self.begin + second) * SECOND,
            interval,
            operation: plan[usize::from(operation)].name.clone(),
            begun: number,
            finished: number,
            recorded: if self.is_filtered { 0 } else { number },
            filtered: if self.is_filtered { number } else { 0 },
            duration_sum_ns,
            durations_ns: Some(bytes),
            ..OperationMetrics::default()
        }
    }

    fn health(&self, second: i64) -> RecorderHealth {
        RecorderHealth {
            at_ns: START_NS + (self.begin + second + 1) * SECOND,
            boot_ns: (BOOT_INTERVAL + second as u64 + 1) * SECOND as u64,
            interval: BOOT_INTERVAL + second as u64,
            ..RecorderHealth::default()
        }
    }
}

fn info(operation: u16) -> OperationInfo {
    OperationInfo {
        name: format!("operation_{operation:02}"),
        operation_type: 0,
    }
}
