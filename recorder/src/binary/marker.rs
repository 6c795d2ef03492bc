//! Markers: the sites of both halves, each checked to be the two nops and the return of the marker
//! ABI.

use super::disassembly;
use super::elf::Elf;
use super::error::Reason;
use super::suggest;
use super::usdt::{self, Half, UsdtSite};
use super::{KernelVersion, Site};

/// The sites of one marker's begin and of its finish; neither list is empty.
pub(super) fn resolve(
    elf: &Elf<'_>,
    file: &str,
    marker: &str,
    kernel: KernelVersion,
) -> Result<(Vec<Site>, Vec<Site>), Reason> {
    let sites = usdt::sites(elf);
    let (mut begins, mut finishes) = (Vec::new(), Vec::new());
    for site in &sites {
        match site.marker() {
            Some((name, Half::Begin)) if name == marker => {
                begins.push(check(elf, site, marker, kernel)?)
            }
            Some((name, Half::Finish)) if name == marker => {
                finishes.push(check(elf, site, marker, kernel)?)
            }
            _ => {}
        }
    }
    for list in [&mut begins, &mut finishes] {
        list.sort_by_key(|site| site.address);
        list.dedup_by_key(|site| site.address);
    }
    match (begins.is_empty(), finishes.is_empty()) {
        (false, false) => Ok((begins, finishes)),
        (true, false) => Err(Reason::HalfMarker {
            marker: marker.into(),
            half: "begin",
        }),
        (false, true) => Err(Reason::HalfMarker {
            marker: marker.into(),
            half: "finish",
        }),
        (true, true) => {
            let known = names(&sites);
            Err(Reason::UnknownMarker {
                file: file.into(),
                marker: marker.into(),
                near: suggest::nearest_or_all(marker, known.iter().copied()),
                count: known.len(),
            })
        }
    }
}

/// The names of all markers, ascending.
pub(super) fn names<'a>(sites: &[UsdtSite<'a>]) -> Vec<&'a str> {
    let mut names: Vec<&str> = sites
        .iter()
        .filter_map(|site| site.marker())
        .map(|(name, _)| name)
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn check(
    elf: &Elf<'_>,
    site: &UsdtSite<'_>,
    marker: &str,
    kernel: KernelVersion,
) -> Result<Site, Reason> {
    let refuse = |why| Reason::UnsafeMarker {
        marker: marker.into(),
        at: site.address,
        why,
    };
    if site.semaphore.is_some() {
        return Err(Reason::Semaphore {
            marker: marker.into(),
            at: site.address,
        });
    }
    if !elf.is_executable(site.address) {
        return Err(refuse("it is not in executable memory"));
    }
    let code = elf.bytes_from(site.address).unwrap_or_default();
    disassembly::check_marker_site(code).map_err(refuse)?;
    let cost =
        disassembly::probe_cost(code, kernel).ok_or(refuse("the kernel accepts no probe there"))?;
    Site::at(elf, site.address, 0, cost).ok_or(refuse("it is not in the file"))
}
