//! A synthetic load: two operations, with slowdown, losses and a gap on request.

use std::path::Path;

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use soakbox_schemas::event::{OperationEvent, flags};
use soakbox_schemas::histogram::bucket;
use soakbox_schemas::tables::histogram::SparseHistogram;
use soakbox_schemas::tables::{
    Annotation, AnnotationKind, OperationInfo, OperationLogBuilder, OperationMetrics,
    RecorderHealth, Table,
};

use crate::{Recorder, SECOND, START_NS, UUID, annotation, concat};

/// Boot clock at [`START_NS`], in intervals of a second.
pub(crate) const BOOT_INTERVAL: u64 = 5_000;

/// A small generator with a fixed seed (SplitMix64).
pub(crate) struct Noise(pub(crate) u64);

impl Noise {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in [0, 1).
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Normal, by Box and Muller.
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }
}

/// A synthetic load, from which a recording is written.
#[derive(Clone, Copy)]
pub struct Soak {
    pub seconds: i64,
    pub refreshes_per_second: u64,
    pub controls_per_second: u64,
    /// Durations of `rule_refresh` grow by this factor from the middle on.
    pub slowdown: f64,
    /// Operations of `traffic_control` lost in each of the seconds 20 to 24.
    pub lost: u64,
    /// The second at which a gap of ten seconds starts.
    pub gap_at: Option<i64>,
    pub seed: u64,
    /// Factor of every duration.
    pub scale: f64,
    /// Seconds from [`START_NS`] to the begin of the recording.
    pub begin: i64,
    /// The process restarts each time after this many seconds, again with its first memory.
    pub restart_every: Option<i64>,
    /// The share of `traffic_control` that is missing at the end; it grows linearly from the start.
    pub decline: f64,
    /// The second from which on no `traffic_control` finishes.
    pub stops_at: Option<i64>,
}

impl Default for Soak {
    fn default() -> Self {
        Self {
            seconds: 120,
            refreshes_per_second: 20,
            controls_per_second: 50,
            slowdown: 1.0,
            lost: 0,
            gap_at: None,
            seed: 1,
            scale: 1.0,
            begin: 0,
            restart_every: None,
            decline: 0.0,
            stops_at: None,
        }
    }
}

pub fn plan() -> [OperationInfo; 2] {
    ["rule_refresh", "traffic_control"].map(|name| OperationInfo {
        name: name.to_owned(),
        operation_type: if name == "rule_refresh" { 1 } else { 2 },
    })
}

/// All rows of a recording, second by second.
pub struct Rows {
    pub log: Vec<RecordBatch>,
    pub metrics: Vec<Vec<OperationMetrics>>,
    pub health: Vec<RecorderHealth>,
    pub annotations: Vec<Annotation>,
}

impl Rows {
    /// Adds what the kernel measured of the operations of each second that have a row: the histogram
    /// of their durations, and their CPU time.
    pub fn with_kernel_sums(mut self) -> Self {
        for (log, metrics) in self.log.iter().zip(&mut self.metrics) {
            let names = log.column_by_name("operation").unwrap();
            let names = cast(names, &DataType::Utf8).unwrap();
            let names: Vec<_> = names.as_string::<i32>().iter().collect();
            let column = |name: &str| {
                let column = log.column_by_name(name).unwrap();
                column.as_primitive::<Int64Type>().values().to_vec()
            };
            let (durations, cpu) = (column("duration_ns"), column("cpu_ns"));
            for row in metrics {
                let of_operation = |values: &[i64]| -> Vec<i64> {
                    let all = names.iter().zip(values);
                    let own = all.filter(|(name, _)| **name == Some(row.operation.as_str()));
                    own.map(|(_, value)| *value).collect()
                };
                let buckets = of_operation(&durations).into_iter();
                let buckets = buckets.map(|ns| (bucket(ns.unsigned_abs()), 1));
                let mut bytes = Vec::new();
                SparseHistogram::of_buckets(buckets).encode(&mut bytes);
                row.durations_ns = Some(bytes);
                row.cpu_sum_ns = of_operation(&cpu).iter().sum::<i64>().unsigned_abs();
            }
        }
        self
    }
}

impl Soak {
    /// A load with losses and a gap.
    pub fn incomplete() -> Self {
        Self {
            lost: 3,
            gap_at: Some(40),
            ..Self::default()
        }
    }

    fn in_gap(&self, second: i64) -> bool {
        self.gap_at
            .is_some_and(|at| (at..at + 10).contains(&second))
    }

    pub fn rows(&self) -> Rows {
        let mut noise = Noise(self.seed);
        let mut builder = OperationLogBuilder::new(&plan());
        let mut rows = Rows {
            log: Vec::new(),
            metrics: Vec::new(),
            health: Vec::new(),
            annotations: vec![annotation(
                self.begin,
                None,
                AnnotationKind::RecordingStarted,
                "0.1.0",
            )],
        };
        for second in (0..self.seconds).filter(|second| !self.in_gap(*second)) {
            let mut metrics = Vec::new();
            for operation in 0..2u16 {
                metrics.push(self.second(second, operation, &mut noise, &mut builder));
            }
            rows.log.push(builder.finish().unwrap());
            rows.metrics.push(metrics);
            rows.health.push(RecorderHealth {
                at_ns: START_NS + (self.begin + second + 1) * SECOND,
                boot_ns: (BOOT_INTERVAL + second as u64 + 1) * SECOND as u64,
                interval: BOOT_INTERVAL + second as u64,
                events_received: self.refreshes_per_second + self.controls_per_second,
                recorder_memory_bytes: Some(12 << 20),
                ..RecorderHealth::default()
            });
        }
        if let Some(at) = self.gap_at {
            let at = self.begin + at;
            rows.annotations
                .push(annotation(at, Some(at + 10), AnnotationKind::Gap, "crash"));
        }
        if self.seconds > 60 {
            rows.annotations.push(annotation(
                self.begin + 60,
                None,
                AnnotationKind::Note,
                "deploy 1.4",
            ));
        }
        let life = self.restart_every.unwrap_or(self.seconds);
        for restart in (1..).map(|n| n * life).take_while(|at| *at < self.seconds) {
            for kind in [AnnotationKind::TargetExited, AnnotationKind::TargetStarted] {
                rows.annotations
                    .push(annotation(self.begin + restart, None, kind, "meshd"));
            }
        }
        rows.annotations.push(annotation(
            self.begin + self.seconds,
            None,
            AnnotationKind::RecordingStopped,
            "interrupted",
        ));
        rows
    }

    pub(crate) fn second(
        &self,
        second: i64,
        operation: u16,
        noise: &mut Noise,
        builder: &mut OperationLogBuilder,
    ) -> OperationMetrics {
        let refresh = operation == 0;
        let per_second = if refresh {
            self.refreshes_per_second
        } else {
            let left = 1.0 - self.decline * second as f64 / self.seconds as f64;
            let stopped = self.stops_at.is_some_and(|at| second >= at);
            (self.controls_per_second as f64 * left * f64::from(!stopped)).round() as u64
        };
        let age = self.restart_every.map_or(second, |life| second % life);
        let boot_ns = (BOOT_INTERVAL as i64 + second) * SECOND;
        let (mut failures, mut duration_sum_ns) = (0, 0);
        for index in 0..per_second {
            let fast = if refresh { 2e6 } else { 15e3 };
            let slow = if second >= self.seconds / 2 && refresh {
                self.slowdown
            } else {
                1.0
            };
            // A long right tail, as latencies have.
            let duration_ns =
                self.scale * fast * slow * (0.8 + 0.4 * noise.unit() + 0.4 * -noise.unit().ln());
            let failed = !refresh && noise.unit() < 0.01;
            failures += u64::from(failed);
            duration_sum_ns += duration_ns as u64;
            let mut event = OperationEvent {
                finished_boot_ns: (boot_ns + SECOND * index as i64 / per_second as i64) as u64,
                duration_ns: duration_ns as u64,
                cpu_ns: (duration_ns * 0.6) as u64,
                cpu_user_ns: (duration_ns * 0.4) as u64,
                cpu_system_ns: (duration_ns * 0.2) as u64,
                memory_bytes: (64 << 20) + (age as u64) * 4096,
                memory_delta_bytes: if index % 2 == 0 { 4096 } else { -4096 },
                pid: 4242,
                tid: 4242 + (index % 4) as u32,
                interval: (BOOT_INTERVAL as i64 + second) as u32,
                operation,
                flags: flags::CPU | flags::CPU_SPLIT | flags::MEMORY | flags::MEMORY_DELTA,
                ..OperationEvent::default()
            };
            if !refresh {
                event.flags |= flags::SUCCESS_KNOWN | flags::BYTES;
                event.flags |= if failed { 0 } else { flags::SUCCESS };
                event.bytes = 512;
            }
            let offset_ns = START_NS + (self.begin - BOOT_INTERVAL as i64) * SECOND;
            assert!(builder.push(&event, offset_ns));
        }
        let lost = if !refresh && (20..25).contains(&second) {
            self.lost
        } else {
            0
        };
        OperationMetrics {
            at_ns: START_NS + (self.begin + second) * SECOND,
            interval: BOOT_INTERVAL + second as u64,
            operation: plan()[usize::from(operation)].name.clone(),
            operation_type: i64::from(operation) + 1,
            begun: per_second + lost,
            finished: per_second + lost,
            recorded: per_second,
            lost_ring_full: lost,
            failures,
            duration_sum_ns,
            ..OperationMetrics::default()
        }
    }

    /// Writes a sealed recording: two segments of `operation_log` and one of each other table. Each
    /// seed is a run of its own; the first one has [`UUID`].
    pub fn seal(&self, root: &Path) -> Recorder {
        let mut recorder = Recorder::new(root);
        let first = u32::from_str_radix(&UUID[..8], 16).unwrap();
        let first = first.wrapping_add(self.seed as u32).wrapping_sub(1);
        recorder.uuid = format!("{first:08x}{}", &UUID[8..]);
        let rows = self.rows();
        for half in rows.log.chunks(rows.log.len().div_ceil(2)) {
            recorder.seal(Table::OPERATION_LOG, &concat(half));
        }
        let metrics: Vec<OperationMetrics> = rows.metrics.into_iter().flatten().collect();
        recorder.seal(
            Table::OPERATION_METRICS,
            &OperationMetrics::batch(&metrics).unwrap(),
        );
        recorder.seal(
            Table::RECORDER_HEALTH,
            &RecorderHealth::batch(&rows.health).unwrap(),
        );
        recorder.seal(
            Table::ANNOTATIONS,
            &Annotation::batch(&rows.annotations).unwrap(),
        );
        recorder
    }
}
