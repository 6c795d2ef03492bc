//! A disk with a volatile cache, as a log of what the guest wrote and flushed. After a power cut it
//! holds everything that was flushed, and any part of the rest: whole writes in any order, and
//! sectors of writes. Pure.

use crate::segment_support::Random;

/// The smallest part that a disk writes at once, bytes.
const SECTOR: usize = 512;

/// Something that the guest asked the disk for.
#[derive(Clone, Debug)]
enum Request {
    Write {
        offset: usize,
        bytes: Vec<u8>,
        /// Whether the guest was told that it is durable (forced unit access).
        is_durable: bool,
    },
    Flush,
}

/// The disk.
#[derive(Clone, Debug)]
pub(crate) struct Disk {
    /// What it held before the first request.
    begin: Vec<u8>,
    /// What the guest reads: all of its writes.
    now: Vec<u8>,
    log: Vec<Request>,
}

impl Disk {
    pub(crate) fn new(contents: Vec<u8>) -> Self {
        Self {
            now: contents.clone(),
            begin: contents,
            log: Vec::new(),
        }
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.now.len() as u64
    }

    /// Number of requests so far; a cut is after one of them.
    pub(crate) fn requests(&self) -> usize {
        self.log.len()
    }

    /// `None` where the range is not on the disk.
    pub(crate) fn read(&self, offset: usize, bytes: usize) -> Option<&[u8]> {
        self.now.get(offset..offset.checked_add(bytes)?)
    }

    /// `None` where the range is not on the disk.
    pub(crate) fn write(&mut self, offset: usize, bytes: &[u8], is_durable: bool) -> Option<()> {
        let end = offset.checked_add(bytes.len())?;
        self.now.get_mut(offset..end)?.copy_from_slice(bytes);
        self.log.push(Request::Write {
            offset,
            bytes: bytes.to_vec(),
            is_durable,
        });
        Some(())
    }

    pub(crate) fn flush(&mut self) {
        self.log.push(Request::Flush);
    }

    /// What it holds after a power cut behind the first `requests`.
    pub(crate) fn after_cut(&self, requests: usize, random: &mut Random) -> Vec<u8> {
        let done = &self.log[..requests];
        let flushed = done.iter().rposition(|one| matches!(one, Request::Flush));
        let flushed = flushed.unwrap_or(0);
        let mut contents = self.begin.clone();
        // All, none, or a share of what is in the cache reaches the disk.
        let share = random.below(5);
        let mut cached = Vec::new();
        for (place, request) in done.iter().enumerate() {
            let Request::Write {
                offset,
                bytes,
                is_durable,
            } = request
            else {
                continue;
            };
            if place <= flushed || *is_durable {
                contents[*offset..*offset + bytes.len()].copy_from_slice(bytes);
            } else {
                cached.push((*offset, bytes));
            }
        }
        // Disks write in an order of their own; one that writes a sector twice ends with the later.
        for (offset, bytes) in cached {
            let is_torn = random.below(10) == 0;
            let is_written = random.below(4) < share;
            for (sector, part) in bytes.chunks(SECTOR).enumerate() {
                let start = offset + sector * SECTOR;
                if (is_torn && random.below(2) == 0) || (!is_torn && is_written) {
                    contents[start..start + part.len()].copy_from_slice(part);
                }
            }
        }
        contents
    }
}

/// What was flushed is there after any cut, and what was never written is not.
pub(crate) fn a_cut_keeps_what_was_flushed() {
    let mut random = Random::drawn();
    let mut disk = Disk::new(vec![0; 8 * SECTOR]);
    disk.write(0, &[1; SECTOR], false).unwrap();
    disk.flush();
    let flushed = disk.requests();
    disk.write(SECTOR, &[2; 4 * SECTOR], false).unwrap();
    disk.write(6 * SECTOR, &[3; SECTOR], true).unwrap();
    assert!(disk.write(8 * SECTOR, &[4; 1], false).is_none());
    let (mut kept, mut lost, mut torn) = (0, 0, 0);
    for _ in 0..1_000 {
        let cut = disk.after_cut(disk.requests(), &mut random);
        assert_eq!((cut[0], cut[6 * SECTOR], cut[7 * SECTOR]), (1, 3, 0));
        let sectors = (1..5).filter(|sector| cut[sector * SECTOR] == 2).count();
        match sectors {
            4 => kept += 1,
            0 => lost += 1,
            _ => torn += 1,
        }
    }
    assert!(
        kept > 100 && lost > 100 && torn > 10,
        "{kept} {lost} {torn}"
    );
    assert_eq!(disk.after_cut(0, &mut random), vec![0; 8 * SECTOR]);
    let early = disk.after_cut(flushed, &mut random);
    assert_eq!(early[0], 1);
    assert!(early[SECTOR..].iter().all(|byte| *byte == 0));
}
