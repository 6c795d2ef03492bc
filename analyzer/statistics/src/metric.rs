//! The quantities that can be compared: their names, their units and which direction is worse.
//!
//! The names are those of `soakbox.verdict/1`. Scripts rely on them: add names, never rename one.

use std::sync::Arc;

/// One quantity of an operation.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Metric {
    /// Median duration.
    DurationP50,
    /// 95th percentile of the duration.
    DurationP95,
    /// 99th percentile of the duration.
    DurationP99,
    /// 99.9th percentile of the duration.
    DurationP999,
    /// Mean duration.
    DurationMean,
    /// Mean CPU time of one operation.
    Cpu,
    /// Mean memory over the windows.
    Memory,
    /// Failed share of the finished operations; compared as an absolute difference.
    FailureRate,
    /// Operations finished per second; lower is worse.
    Rate,
    /// Bytes processed per second; lower is worse.
    BytesRate,
    /// Any other number per window; higher is worse.
    Value,
    /// A quantity that the caller defines.
    Other(Arc<Quantity>),
}

/// A quantity that this package does not know by itself, for instance retransmitted segments.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Quantity {
    /// Its name in reports.
    pub name: String,
    /// The unit of its values; empty when it has none.
    pub unit: String,
    /// True when a lower value is worse.
    pub lower_is_worse: bool,
    /// True when its change is always a difference, never a ratio.
    pub absolute: bool,
}

impl Metric {
    /// Every metric that has a name of its own, in the order of reports. The caller's own come
    /// after them.
    pub const ALL: [Metric; 11] = [
        Metric::DurationP50,
        Metric::DurationP95,
        Metric::DurationP99,
        Metric::DurationP999,
        Metric::DurationMean,
        Metric::Cpu,
        Metric::Memory,
        Metric::FailureRate,
        Metric::Rate,
        Metric::BytesRate,
        Metric::Value,
    ];

    /// A quantity of the caller's.
    pub fn other(quantity: Quantity) -> Metric {
        Metric::Other(Arc::new(quantity))
    }

    /// The name in `soakbox.verdict/1`.
    pub fn name(&self) -> &str {
        match self {
            Metric::DurationP50 => "duration_p50",
            Metric::DurationP95 => "duration_p95",
            Metric::DurationP99 => "duration_p99",
            Metric::DurationP999 => "duration_p999",
            Metric::DurationMean => "duration_mean",
            Metric::Cpu => "cpu",
            Metric::Memory => "memory",
            Metric::FailureRate => "failure_rate",
            Metric::Rate => "rate",
            Metric::BytesRate => "bytes_rate",
            Metric::Value => "value",
            Metric::Other(quantity) => &quantity.name,
        }
    }

    /// The unit of its values; empty where it has none or only the caller knows it.
    pub fn unit(&self) -> &str {
        match self {
            Metric::DurationP50
            | Metric::DurationP95
            | Metric::DurationP99
            | Metric::DurationP999
            | Metric::DurationMean
            | Metric::Cpu => "ns",
            Metric::Memory => "bytes",
            Metric::FailureRate => "ratio",
            Metric::Rate => "1/s",
            Metric::BytesRate => "bytes/s",
            Metric::Value => "",
            Metric::Other(quantity) => &quantity.unit,
        }
    }

    /// The quantile, 0..=1, that a duration metric stands for.
    pub const fn quantile(&self) -> Option<f64> {
        match self {
            Metric::DurationP50 => Some(0.5),
            Metric::DurationP95 => Some(0.95),
            Metric::DurationP99 => Some(0.99),
            Metric::DurationP999 => Some(0.999),
            _ => None,
        }
    }

    /// True for the metrics of the durations.
    pub const fn is_duration(&self) -> bool {
        self.quantile().is_some() || matches!(self, Metric::DurationMean)
    }

    /// True when a lower value is worse. The sign of a change is then reversed, so that up is worse
    /// for every metric.
    pub fn lower_is_worse(&self) -> bool {
        match self {
            Metric::Rate | Metric::BytesRate => true,
            Metric::Other(quantity) => quantity.lower_is_worse,
            _ => false,
        }
    }

    /// A change of which up is worse, with the sign of candidate − base; and the other way round.
    pub fn measured(&self, change: f64) -> f64 {
        let measured = if self.lower_is_worse() {
            -change
        } else {
            change
        };
        // No change has no sign.
        measured + 0.0
    }

    /// True when a change is always the difference of two values, not their ratio.
    pub fn is_absolute(&self) -> bool {
        match self {
            Metric::FailureRate => true,
            Metric::Other(quantity) => quantity.absolute,
            _ => false,
        }
    }

    /// True when a value of 0 or below is a measurement, of which no ratio can be taken. A memory
    /// of 0 is none.
    pub const fn may_be_zero(&self) -> bool {
        !matches!(self, Metric::Memory)
    }

    /// True for times, which are 0 where the clock is too coarse for them.
    pub const fn is_time(&self) -> bool {
        self.is_duration() || matches!(self, Metric::Cpu)
    }
}
