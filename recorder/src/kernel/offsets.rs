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

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: u32 = 1;
    const ARRAY: u32 = 2;
    const COUNTERS: u32 = 3;

    /// BTF of: 1 `long`, 2 an array of 4 of `element`, 3 the structure `name`, which has `count` of type `count_type`
    /// at `count_at` and is `size` bytes long, 4 `mm_struct`, which has `rss_stat` of type `rss_stat` at byte 400.
    fn blob(element: u32, name: &str, count: (u32, u32), size: u32, rss_stat: u32) -> Vec<u8> {
        let strings = format!("\0long\0count\0mm_struct\0rss_stat\0{name}\0");
        let at = |word: &str| strings.find(&format!("\0{word}\0")).unwrap() as u32 + 1;
        let structure = |members: u32| 4 << 24 | members;
        let (count_type, count_at) = count;
        let types: Vec<u32> = [
            vec![at("long"), 1 << 24, 8, 64],
            vec![0, 3 << 24, 0, element, LONG, 4],
            vec![at(name), structure(1), size],
            vec![at("count"), count_type, count_at * 8],
            vec![at("mm_struct"), structure(1), 1_000],
            vec![at("rss_stat"), rss_stat, 400 * 8],
        ]
        .concat();
        let (length, strings) = (4 * types.len() as u32, strings.into_bytes());
        let header = [0x0001_eb9f, 24, 0, length, length, strings.len() as u32];
        let words = header.iter().chain(&types);
        let words = words.flat_map(|word| word.to_le_bytes());
        words.chain(strings).collect()
    }

    #[test]
    fn resident_memory_is_found_before_6_2_and_since() {
        let before = blob(LONG, "mm_rss_stat", (ARRAY, 16), 48, COUNTERS);
        assert_eq!(Offsets::resolve(&before).unwrap().rss, Some((416, 8)));
        let since = blob(COUNTERS, "percpu_counter", (LONG, 8), 40, ARRAY);
        assert_eq!(Offsets::resolve(&since).unwrap().rss, Some((408, 40)));
    }

    #[test]
    fn resident_memory_of_another_shape_is_absent() {
        let no_array = blob(LONG, "mm_rss_stat", (LONG, 0), 32, COUNTERS);
        assert_eq!(Offsets::resolve(&no_array).unwrap().rss, None);
        let no_counter = blob(LONG, "other", (LONG, 8), 40, ARRAY);
        assert_eq!(Offsets::resolve(&no_counter).unwrap().rss, None);
    }
}
