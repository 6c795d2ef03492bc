//! Arrays of the kernel side, mapped into the recorder.

use std::io;
use std::os::fd::BorrowedFd;
use std::ptr::NonNull;

use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

/// A BPF array of atomics, mapped into our memory.
#[derive(Debug)]
pub(super) struct Mapping<T> {
    start: NonNull<T>,
    count: u32,
}

// SAFETY: the mapping is shared memory of atomics; it moves with its owner.
unsafe impl<T: Sync> Send for Mapping<T> {}

impl<T> Mapping<T> {
    pub(super) fn new(array: BorrowedFd<'_>, count: u32) -> io::Result<Self> {
        // SAFETY: a new mapping, which the kernel refuses where the map is smaller.
        let start = unsafe {
            mmap(
                std::ptr::null_mut(),
                Self::bytes(count),
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::SHARED,
                array,
                0,
            )
        }?;
        let start = NonNull::new(start.cast());
        let start = start.ok_or_else(|| io::Error::other("mapped at address 0"))?;
        Ok(Self { start, count })
    }

    fn bytes(count: u32) -> usize {
        (count as usize * size_of::<T>()).next_multiple_of(rustix::param::page_size())
    }

    pub(super) fn get(&self, index: u32) -> &T {
        assert!(index < self.count, "within the map");
        // SAFETY: within the mapping; the kernel side writes only whole numbers.
        unsafe { self.start.add(index as usize).as_ref() }
    }
}

impl<T> Drop for Mapping<T> {
    fn drop(&mut self) {
        // SAFETY: our own mapping; nothing borrows from it.
        let _ = unsafe { munmap(self.start.as_ptr().cast(), Self::bytes(self.count)) };
    }
}
