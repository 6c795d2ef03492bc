//! The function symbols that a distribution leaves in a stripped program: `.gnu_debugdata`
//! (MiniDebugInfo), an ELF file compressed by xz. Pure; memory and output are bounded, whatever the
//! bytes are.

use std::io::Read;

use lzma_rust2::XzReader;

/// Name of the section.
pub const SECTION: &str = ".gnu_debugdata";
/// Most memory that a block may ask for, KiB: the dictionary of `xz -9` is 64 MiB.
const MEMORY_KIB: u32 = 65 << 10;
/// Largest file that is decompressed, bytes. The symbols of a browser are a tenth of it.
const LARGEST: u64 = 256 << 20;

/// The ELF file that is compressed in the section; `None` where it is damaged or too large.
pub fn decompress(section: &[u8]) -> Option<Vec<u8>> {
    read(section, LARGEST)
}

fn read(compressed: &[u8], largest: u64) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    XzReader::new_mem_limit(compressed, true, MEMORY_KIB)
        .take(largest + 1)
        .read_to_end(&mut bytes)
        .ok()?;
    (!bytes.is_empty() && bytes.len() as u64 <= largest).then_some(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

    use std::io::Write;
    use std::process::{Command, Stdio};

    use proptest::prelude::*;

    use super::*;

    fn xz(bytes: &[u8], arguments: &[&str]) -> Vec<u8> {
        let mut child = Command::new("xz")
            .args(["--stdout", "--quiet"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        let bytes = bytes.to_owned();
        let writer = std::thread::spawn(move || input.write_all(&bytes).unwrap());
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        assert!(output.status.success());
        output.stdout
    }

    /// `false`, with a message, where xz is not installed; `SOAKBOX_REQUIRE_TOOLS=1` forbids that.
    fn has_xz() -> bool {
        let found = Command::new("xz").arg("--version").output().is_ok();
        if !found {
            let required = std::env::var_os("SOAKBOX_REQUIRE_TOOLS").is_some_and(|one| one == "1");
            assert!(!required, "SOAKBOX_REQUIRE_TOOLS=1, but no xz");
            // Not eprintln: libtest does not show the output of a test that passes.
            let thread = std::thread::current();
            let test = thread.name().unwrap_or_default();
            let line = format!("skipped: {test} needs xz: not installed\n");
            let _ = std::io::stderr().write_all(line.as_bytes());
        }
        found
    }

    #[test]
    fn the_bytes_are_those_before_compression_in_every_form_that_xz_writes() {
        if !has_xz() {
            return;
        }
        let bytes = std::fs::read("/proc/self/exe").unwrap();
        let bytes = &bytes[..bytes.len().min(200_000)];
        for arguments in [
            &[][..],
            &["-9"],
            &["-0", "--check=sha256"],
            &["--check=crc32", "--block-size=10000"],
            &["--check=none", "--x86", "--lzma2"],
            &["--delta=dist=4", "--lzma2"],
        ] {
            let compressed = xz(bytes, arguments);
            assert!(
                read(&compressed, LARGEST).as_deref() == Some(bytes),
                "{arguments:?}"
            );
            assert!(read(&compressed, bytes.len() as u64).is_some());
            assert!(read(&compressed, bytes.len() as u64 - 1).is_none());
            let mut damaged = compressed.clone();
            damaged[compressed.len() / 2] ^= 0x10;
            let found = read(&damaged, LARGEST);
            let unchecked = arguments.contains(&"--check=none");
            assert!(found.is_none() || unchecked, "{arguments:?}");
            assert!(read(&compressed[..compressed.len() - 1], LARGEST).is_none());
        }
        // A dictionary larger than any preset's.
        let huge = xz(bytes, &["--lzma2=dict=512MiB"]);
        assert!(read(&huge, LARGEST).is_none());
    }

    #[test]
    fn a_small_section_that_becomes_huge_is_refused() {
        if !has_xz() {
            return;
        }
        let bomb = xz(&vec![0; 64 << 20], &[]);
        assert!(bomb.len() < 64 << 10);
        assert!(read(&bomb, 1 << 20).is_none());
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
            static IS_THERE: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
            if !*IS_THERE.get_or_init(has_xz) {
                return Ok(());
            }
            static SMALL: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
            let small = SMALL.get_or_init(|| xz(b"soakbox soakbox soakbox", &["--check=none"]));
            let mut bytes = small.clone();
            for (at, value) in changes {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
            let _ = read(&bytes, 1 << 20);
        }
    }
}
