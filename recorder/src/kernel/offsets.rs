//! The offsets, in this kernel, of the structure members that the kernel side reads. A member that
//! this kernel does not have is [`ABSENT`], and its column is null.

use soakbox_schemas::control::{ABSENT, KernelOffsets, NOT_KNOWN};

use super::btf::{Btf, MalformedBtf};

/// Looks up every member that the kernel side reads; `bytes` are the kernel's BTF.
///
/// # Errors
/// [`MalformedBtf`] where the bytes are not BTF.
pub fn resolve_offsets(bytes: &[u8]) -> Result<KernelOffsets, MalformedBtf> {
    let btf = Btf::parse(bytes)?;
    let offset = |structure, member| {
        let found = btf.member(structure, &[member]);
        found.map_or(ABSENT, |member| member.offset)
    };
    let (mm_rss, mm_rss_stride) = resident(&btf).unwrap_or((ABSENT, ABSENT));
    Ok(KernelOffsets {
        task_utime: offset("task_struct", "utime"),
        task_stime: offset("task_struct", "stime"),
        task_mm: offset("task_struct", "mm"),
        task_signal: offset("task_struct", "signal"),
        task_tgid: offset("task_struct", "tgid"),
        signal_live: offset("signal_struct", "live"),
        mm_rss,
        mm_rss_stride,
        task_features: features(&btf),
        task_used: btf
            .member("task_struct", &["se", "sum_exec_runtime"])
            .map_or(ABSENT, |used| used.offset),
        binprm_file: offset("linux_binprm", "file"),
        file_inode: offset("file", "f_inode"),
        inode_number: offset("inode", "i_ino"),
        inode_superblock: offset("inode", "i_sb"),
        superblock_device: offset("super_block", "s_dev"),
    })
}

/// Offset of the word that tells which threads have a shadow stack.
fn features(btf: &Btf<'_>) -> u32 {
    match btf.member("task_struct", &["thread", "features"]) {
        Some(features) => features.offset,
        None if btf.member("thread_struct", &["shstk"]).is_some() => NOT_KNOWN,
        None => ABSENT,
    }
}

/// Offset of the first counter of resident memory, and the distance between counters. Since Linux
/// 6.2 `rss_stat` is an array of `percpu_counter`; before, it was a structure with an array of
/// longs.
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

    /// A type of a fictional kernel; its id is its position, from 1.
    enum Type<'a> {
        Long,
        ArrayOf(u32),
        /// Name, size, and the members: name, type, offset in bytes.
        Struct(&'a str, u32, &'a [(&'a str, u32, u32)]),
    }

    const LONG: u32 = 1;

    /// The BTF of these types.
    fn blob(types: &[Type<'_>]) -> Vec<u8> {
        let mut strings = vec![0];
        let mut words = Vec::new();
        let mut text = |text: &str| {
            let at = strings.len() as u32;
            strings.extend(text.bytes().chain([0]));
            at
        };
        for one in types {
            match one {
                Type::Long => words.extend([text("long"), 1 << 24, 8, 64]),
                Type::ArrayOf(element) => words.extend([0, 3 << 24, 0, *element, LONG, 4]),
                Type::Struct(name, size, members) => {
                    words.extend([text(name), 4 << 24 | members.len() as u32, *size]);
                    for (name, member, offset) in *members {
                        words.extend([text(name), *member, offset * 8]);
                    }
                }
            }
        }
        let length = 4 * words.len() as u32;
        let header = [0x0001_eb9f, 24, 0, length, length, strings.len() as u32];
        let bytes = header.into_iter().chain(words).flat_map(u32::to_le_bytes);
        bytes.chain(strings).collect()
    }

    const TASK: [(&str, u32, u32); 5] = [
        ("mm", LONG, 104),
        ("tgid", LONG, 208),
        ("signal", LONG, 312),
        ("utime", LONG, 416),
        ("stime", LONG, 520),
    ];

    /// The offsets of a kernel since 6.2 whose `task_struct` and `signal_struct` have these
    /// members.
    fn kernel(task: &[(&str, u32, u32)], signal: &[(&str, u32, u32)]) -> KernelOffsets {
        let bytes = blob(&[
            Type::Long,
            Type::Struct(
                "percpu_counter",
                40,
                &[("lock", LONG, 0), ("count", LONG, 8)],
            ),
            Type::ArrayOf(2),
            Type::Struct("signal_struct", 900, signal),
            Type::Struct("task_struct", 9_000, task),
            Type::Struct("mm_struct", 1_000, &[("rss_stat", 3, 624)]),
        ]);
        resolve_offsets(&bytes).unwrap()
    }

    #[test]
    fn each_member_is_found_by_its_name_in_whatever_order_they_lie() {
        let expected = KernelOffsets {
            task_utime: 416,
            task_stime: 520,
            task_mm: 104,
            task_signal: 312,
            task_tgid: 208,
            signal_live: 28,
            mm_rss: 632,
            mm_rss_stride: 40,
            task_features: ABSENT,
            ..KernelOffsets::ABSENT
        };
        let mut task = TASK;
        for _ in 0..task.len() {
            assert_eq!(kernel(&task, &[("live", LONG, 28)]), expected);
            task.rotate_left(1);
        }
        task.reverse();
        assert_eq!(kernel(&task, &[("live", LONG, 28)]), expected);
    }

    #[test]
    fn a_member_that_a_kernel_does_not_have_is_the_only_one_absent() {
        let whole = kernel(&TASK, &[("live", LONG, 28)]);
        assert!(whole.has_cpu_split() && whole.has_memory());
        for missing in TASK {
            let others: Vec<_> = TASK.into_iter().filter(|one| *one != missing).collect();
            let mut expected = whole;
            *match missing.0 {
                "mm" => &mut expected.task_mm,
                "tgid" => &mut expected.task_tgid,
                "signal" => &mut expected.task_signal,
                "utime" => &mut expected.task_utime,
                _ => &mut expected.task_stime,
            } = ABSENT;
            let found = kernel(&others, &[("live", LONG, 28)]);
            assert_eq!(found, expected, "{missing:?}");
            assert_eq!(found.has_cpu_split(), !missing.0.ends_with("time"));
            assert_eq!(found.has_memory(), missing.0 != "mm");
        }
        assert_eq!(kernel(&TASK, &[]).signal_live, ABSENT);
        assert_eq!(
            resolve_offsets(&blob(&[Type::Long])),
            Ok(KernelOffsets {
                task_features: ABSENT,
                ..KernelOffsets::ABSENT
            })
        );
    }

    #[test]
    fn what_a_thread_has_used_and_what_it_executes_is_found_or_nothing_is_counted() {
        const ENTITY: u32 = 2;
        let used = [("vruntime", LONG, 8), ("sum_exec_runtime", LONG, 56)];
        let all = [
            ("task_struct", "tgid"),
            ("linux_binprm", "file"),
            ("file", "f_inode"),
            ("inode", "i_ino"),
            ("inode", "i_sb"),
            ("super_block", "s_dev"),
        ];
        let kernel = |used: &[(&str, u32, u32)], without: Option<(&str, &str)>| {
            let member = |structure, member, offset| match without {
                Some(other) if other == (structure, member) => ("other", LONG, offset),
                _ => (member, LONG, offset),
            };
            let inode = [member("inode", "i_sb", 40), member("inode", "i_ino", 64)];
            resolve_offsets(&blob(&[
                Type::Long,
                Type::Struct("sched_entity", 200, used),
                Type::Struct(
                    "task_struct",
                    9_000,
                    &[member("task_struct", "tgid", 208), ("se", ENTITY, 128)],
                ),
                Type::Struct("linux_binprm", 400, &[member("linux_binprm", "file", 32)]),
                Type::Struct("file", 200, &[member("file", "f_inode", 24)]),
                Type::Struct("inode", 600, &inode),
                Type::Struct("super_block", 800, &[member("super_block", "s_dev", 16)]),
            ]))
            .unwrap()
        };
        let whole = kernel(&used, None);
        assert_eq!((whole.task_used, whole.binprm_file), (184, 32));
        assert_eq!((whole.file_inode, whole.inode_number), (24, 64));
        assert_eq!((whole.inode_superblock, whole.superblock_device), (40, 16));
        assert!(whole.has_target_cpu());
        assert!(!kernel(&used[..1], None).has_target_cpu());
        for missing in all {
            assert!(
                !kernel(&used, Some(missing)).has_target_cpu(),
                "{missing:?}"
            );
        }
    }

    #[test]
    fn a_kernel_with_shadow_stacks_tells_which_threads_have_one() {
        const THREAD: u32 = 2;
        let kernel = |thread: &[(&str, u32, u32)]| {
            let found = resolve_offsets(&blob(&[
                Type::Long,
                Type::Struct("thread_struct", 200, thread),
                Type::Struct(
                    "task_struct",
                    9_000,
                    &[("mm", LONG, 8), ("thread", THREAD, 640)],
                ),
            ]));
            found.unwrap().task_features
        };
        assert_eq!(kernel(&[("sp", LONG, 0)]), ABSENT);
        assert_eq!(kernel(&[("features", LONG, 16), ("shstk", LONG, 32)]), 656);
        assert_eq!(
            kernel(&[("flags", LONG, 16), ("shstk", LONG, 32)]),
            NOT_KNOWN
        );
    }

    fn rss(counters: Type<'_>, rss_stat: u32) -> (u32, u32) {
        let found = resolve_offsets(&blob(&[
            Type::Long,
            Type::ArrayOf(if rss_stat == 2 { 3 } else { LONG }),
            counters,
            Type::Struct("mm_struct", 1_000, &[("rss_stat", rss_stat, 400)]),
        ]));
        let found = found.unwrap();
        (found.mm_rss, found.mm_rss_stride)
    }

    #[test]
    fn resident_memory_is_found_before_6_2_and_since() {
        let before = Type::Struct("mm_rss_stat", 48, &[("count", 2, 16)]);
        assert_eq!(rss(before, 3), (416, 8));
        let since = Type::Struct("percpu_counter", 40, &[("count", LONG, 8)]);
        assert_eq!(rss(since, 2), (408, 40));
    }

    #[test]
    fn resident_memory_of_another_shape_is_absent() {
        let no_array = Type::Struct("mm_rss_stat", 32, &[("count", LONG, 0)]);
        assert_eq!(rss(no_array, 3), (ABSENT, ABSENT));
        let no_counter = Type::Struct("other", 40, &[("count", LONG, 8)]);
        assert_eq!(rss(no_counter, 2), (ABSENT, ABSENT));
    }
}
