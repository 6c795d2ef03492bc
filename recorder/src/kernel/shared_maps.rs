//! The maps of the kernel side that a recording reads, as descriptors: one process loads the programs
//! and attaches them, another one, which has no privilege, reads what they count.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use aya::maps::{Map, MapData};
use soakbox_schemas::control::places;
use soakbox_schemas::durations;

use super::counters::CounterMaps;
use super::error::map_error;
use super::{Counters, KernelError, KernelFacts, KernelSettings, OldestInFlight, Ring};

/// The descriptors, in the order in which they are sent.
#[derive(Debug)]
pub struct SharedMaps {
    pub(super) ring: OwnedFd,
    pub(super) cells: OwnedFd,
    pub(super) durations: OwnedFd,
    pub(super) unfollowed: OwnedFd,
    /// `None` where this kernel does not let the ages of operations in flight be read.
    pub(super) walk: Option<Walk>,
}

/// For a walk over the operations in flight.
#[derive(Debug)]
pub(super) struct Walk {
    pub(super) oldest: OwnedFd,
    pub(super) link: OwnedFd,
}

/// What reads the maps.
pub struct OpenMaps {
    /// The ring of finished operations.
    pub ring: Ring,
    /// The counters, mapped into memory.
    pub counters: Counters,
    /// What reads when the oldest operations in flight began.
    pub oldest: Option<OldestInFlight>,
}

impl SharedMaps {
    /// Most descriptors.
    pub const MOST: usize = 6;

    /// All of them, in their order.
    pub fn into_descriptors(self) -> Vec<OwnedFd> {
        let always = [self.ring, self.cells, self.durations, self.unfollowed];
        let walk = self.walk.into_iter();
        let walk = walk.flat_map(|walk| [walk.oldest, walk.link]);
        always.into_iter().chain(walk).collect()
    }

    /// What [`Self::into_descriptors`] gave, in another process; `None` where the number is wrong.
    pub fn of_descriptors(descriptors: Vec<OwnedFd>) -> Option<Self> {
        let mut descriptors = descriptors.into_iter();
        let mut next = || descriptors.next();
        let maps = Self {
            ring: next()?,
            cells: next()?,
            durations: next()?,
            unfollowed: next()?,
            walk: match next() {
                Some(oldest) => Some(Walk {
                    oldest,
                    link: next()?,
                }),
                None => None,
            },
        };
        descriptors.next().is_none().then_some(maps)
    }

    /// Opens them. `facts` and `settings` are those that the programs were loaded with.
    ///
    /// # Errors
    /// [`KernelError::Map`].
    pub fn open(
        self,
        facts: &KernelFacts,
        settings: &KernelSettings,
    ) -> Result<OpenMaps, KernelError> {
        let (cpus, operations) = (facts.possible_cpus, settings.rules.len() as u32);
        let ring = MapData::from_fd(self.ring).map_err(map_error("EVENTS"))?;
        let maps = CounterMaps {
            cells: self.cells.as_fd(),
            durations: self.durations.as_fd(),
            unfollowed: self.unfollowed.as_fd(),
        };
        let durations = durations::Size::of(cpus, operations);
        let counters = Counters::map(&maps, cpus, operations, durations);
        let walks_threads = settings.places & places::THREADS != 0;
        let oldest = self.walk.map(|walk| {
            OldestInFlight::new(walk.link, walk.oldest.as_fd(), operations, walks_threads)
        });
        Ok(OpenMaps {
            ring: Ring::new(Map::RingBuf(ring)).map_err(map_error("EVENTS"))?,
            counters: counters.map_err(map_error("COUNTERS"))?,
            oldest: oldest.transpose().map_err(map_error("OLDEST"))?,
        })
    }
}

/// A copy of the descriptor of the map `name`.
pub(super) fn shared(
    name: &'static str,
    descriptor: BorrowedFd<'_>,
) -> Result<OwnedFd, KernelError> {
    descriptor.try_clone_to_owned().map_err(map_error(name))
}
