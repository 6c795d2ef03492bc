//! The workload's own counts of its operations, and the JSON line with them.

/// Counts of one operation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) begun: u64,
    pub(crate) finished: u64,
    /// Finished without success.
    pub(crate) failed: u64,
}

impl Counts {
    /// One operation that began and finished.
    pub(crate) fn add(&mut self, success: bool) {
        self.begun += 1;
        self.finished += 1;
        self.failed += u64::from(!success);
    }

    fn merge(&mut self, other: Self) {
        self.begun += other.begun;
        self.finished += other.finished;
        self.failed += other.failed;
    }
}

/// Counts of both operations and of leaked bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) rule_refresh: Counts,
    pub(crate) traffic_control: Counts,
    /// Bytes of the batches that traffic_control was given.
    pub(crate) traffic_bytes: u64,
    pub(crate) leaked_bytes: u64,
}

impl Totals {
    pub(crate) fn merge(&mut self, other: Self) {
        self.rule_refresh.merge(other.rule_refresh);
        self.traffic_control.merge(other.traffic_control);
        self.traffic_bytes += other.traffic_bytes;
        self.leaked_bytes += other.leaked_bytes;
    }

    pub(crate) fn to_json(self, seed: u64) -> String {
        let operation = |name: &str, counts: Counts| {
            let Counts {
                begun,
                finished,
                failed,
            } = counts;
            format!(
                r#"{{"operation":"{name}","begun":{begun},"finished":{finished},"failed":{failed}}}"#
            )
        };
        format!(
            r#"{{"schema":"soakbox.workload/1","seed":{seed},"operations":[{},{}],"traffic_bytes":{},"leaked_bytes":{}}}"#,
            operation("rule_refresh", self.rule_refresh),
            operation("traffic_control", self.traffic_control),
            self.traffic_bytes,
            self.leaked_bytes,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_has_the_counts() {
        let mut totals = Totals::default();
        totals.rule_refresh.add(true);
        totals.traffic_control.add(false);
        let mut twice = totals;
        twice.merge(totals);
        assert_eq!(
            twice.to_json(7),
            r#"{"schema":"soakbox.workload/1","seed":7,"operations":[{"operation":"rule_refresh","begun":2,"finished":2,"failed":0},{"operation":"traffic_control","begun":2,"finished":2,"failed":2}],"traffic_bytes":0,"leaked_bytes":0}"#
        );
    }
}
