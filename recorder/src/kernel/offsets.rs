//! Where this kernel keeps what the kernel side reads. A member that it does not have is absent, and its column null.

use soakbox_schemas::control::globals::ABSENT;

use super::btf::{Btf, MalformedBtf};

/// Offsets of members of kernel structures, bytes; `None` where there is no such member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offsets {
    /// `task_struct.utime` and `.stime`.
    pub times: Option<(u32, u32)>,
    /// `task_struct.mm`.
    pub mm: Option<u32>,
    /// First counter of `mm_struct.rss_stat`, and the distance between counters.
    pub rss: Option<(u32, u32)>,
    /// `task_struct.signal` and `signal_struct.live`.
    pub live_threads: Option<(u32, u32)>,
    /// `task_struct.tgid`.
    pub process: Option<u32>,
}

impl Offsets {
    /// From the kernel's BTF.
    ///
    /// # Errors
    /// [`MalformedBtf`] where the blob is not BTF.
    pub fn resolve(bytes: &[u8]) -> Result<Self, MalformedBtf> {
        let btf = Btf::parse(bytes)?;
        let offset = |structure, path: &[&str]| Some(btf.member(structure, path)?.offset);
        let pair = |a: Option<u32>, b: Option<u32>| Some((a?, b?));
        Ok(Self {
            times: pair(
                offset("task_struct", &["utime"]),
                offset("task_struct", &["stime"]),
            ),
            mm: offset("task_struct", &["mm"]),
            rss: resident(&btf),
            live_threads: pair(
                offset("task_struct", &["signal"]),
                offset("signal_struct", &["live"]),
            ),
            process: offset("task_struct", &["tgid"]),
        })
    }

    /// The offset, or the mark of an absent one, for the kernel side.
    pub(super) fn or_absent(offset: Option<u32>) -> u32 {
        offset.unwrap_or(ABSENT)
    }
}

/// Since 6.2 `rss_stat` is an array of `percpu_counter`, before it was a structure with an array of longs.
fn resident(btf: &Btf<'_>) -> Option<(u32, u32)> {
    let counters = btf.member("mm_struct", &["rss_stat"])?;
    if btf.is_array(counters) {
        let count = btf.member("percpu_counter", &["count"])?;
        return Some((counters.offset + count.offset, btf.size("percpu_counter")?));
    }
    let count = btf.member("mm_struct", &["rss_stat", "count"])?;
    btf.is_array(count).then_some((count.offset, 8))
}
