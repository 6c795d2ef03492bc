//! `recorder_health`: measurements of the recorder itself and of its host, a row per tick.

use std::sync::Arc;

use anyhow::Result;
use soakbox_schemas::tables::{RecorderHealth, Table};

use super::host_usage::{HostFiles, HostUsage};
use super::self_usage::{Processes, SelfUsage};
use super::{Rows, Sampler, Tick};
use crate::segment::ActivityCounters;

/// Collects the measurements of the recorder's threads, of its processes and of the host.
#[derive(Debug)]
pub(super) struct SelfHealth {
    activity: Arc<ActivityCounters>,
    usage: SelfUsage,
    host: HostUsage,
}

impl SelfHealth {
    /// `activity` has the counts of the writing and sealing threads.
    pub(super) fn new(
        activity: Arc<ActivityCounters>,
        processes: Arc<Processes>,
        host: HostFiles,
    ) -> Self {
        Self {
            activity,
            usage: SelfUsage::new(processes),
            host: HostUsage::start(host),
        }
    }
}

impl Sampler for SelfHealth {
    fn sample(&mut self, tick: &Tick) -> Result<Vec<Rows>> {
        let activity = self.activity.take();
        let mut health = RecorderHealth {
            at_ns: tick.now.utc_ns,
            boot_ns: tick.now.boot_ns,
            interval: tick.interval,
            events_received: tick.events.received,
            events_dropped: tick.events.dropped,
            events_late: tick.events.late,
            ring_bytes_max: tick.events.drained_bytes_max,
            queue_depth_max: tick.queue_depth_max,
            flush_max_ns: activity.flush_max_ns,
            seal_ns: activity.seal_ns,
            segments_sealed: activity.segments_sealed,
            seals_failed: activity.seals_failed,
            written_bytes: activity.written_bytes,
            ..RecorderHealth::default()
        };
        self.usage.add_to(&mut health);
        self.host.add_to(&mut health);
        let batch = RecorderHealth::batch(&[health])?;
        Ok(vec![Rows(Table::RECORDER_HEALTH, batch)])
    }
}
