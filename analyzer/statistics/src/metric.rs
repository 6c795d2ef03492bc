//! The quantities that can be compared: their names, their units and which direction is worse.
//!
//! The names are those of `soakbox.verdict/1`. Scripts rely on them: add names, never rename one.

/// One quantity of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Metric {
    /// Median duration.
    DurationP50,
    /// 95th percentile of the duration.
    DurationP95,
    /// 99th percentile of the duration.
    DurationP99,
    /// 99.9th percentile of the duration.
    DurationP999,
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
}

impl Metric {
    /// Every metric, in the order of reports.
    pub const ALL: [Metric; 10] = [
        Metric::DurationP50,
        Metric::DurationP95,
        Metric::DurationP99,
        Metric::DurationP999,
        Metric::Cpu,
        Metric::Memory,
        Metric::FailureRate,
        Metric::Rate,
        Metric::BytesRate,
        Metric::Value,
    ];

    /// The name in `soakbox.verdict/1`.
    pub const fn name(self) -> &'static str {
        match self {
            Metric::DurationP50 => "duration_p50",
            Metric::DurationP95 => "duration_p95",
            Metric::DurationP99 => "duration_p99",
            Metric::DurationP999 => "duration_p999",
            Metric::Cpu => "cpu",
            Metric::Memory => "memory",
            Metric::FailureRate => "failure_rate",
            Metric::Rate => "rate",
            Metric::BytesRate => "bytes_rate",
            Metric::Value => "value",
        }
    }

    /// The unit of its values; empty where it has none or only the caller knows it.
    pub const fn unit(self) -> &'static str {
        match self {
            Metric::DurationP50
            | Metric::DurationP95
            | Metric::DurationP99
            | Metric::DurationP999
            | Metric::Cpu => "ns",
            Metric::Memory => "bytes",
            Metric::FailureRate => "ratio",
            Metric::Rate => "1/s",
            Metric::BytesRate => "bytes/s",
            Metric::Value => "",
        }
    }

    /// The quantile, 0..=1, that a duration metric stands for.
    pub const fn quantile(self) -> Option<f64> {
        match self {
            Metric::DurationP50 => Some(0.5),
            Metric::DurationP95 => Some(0.95),
            Metric::DurationP99 => Some(0.99),
            Metric::DurationP999 => Some(0.999),
            _ => None,
        }
    }

    /// True when a lower value is worse. The sign of a change is then reversed, so that up is worse
    /// for every metric.
    pub const fn lower_is_worse(self) -> bool {
        matches!(self, Metric::Rate | Metric::BytesRate)
    }

    /// True when a change is the difference of two values, not their ratio.
    pub const fn is_absolute(self) -> bool {
        matches!(self, Metric::FailureRate)
    }
}
