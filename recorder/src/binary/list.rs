//! The functions, markers and USDT sites of a file, for the `probes` command.

use std::ops::Range;

use super::Image;
use super::error::Reason;
use super::go::{self, GoListing};
use super::marker;
use super::usdt::{self, UsdtSite};

/// The functions, markers and USDT sites of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing<'a> {
    /// Functions by address: name, address, size.
    pub functions: Vec<(&'a str, u64, u64)>,
    /// USDT sites that are not markers.
    pub usdt: Vec<UsdtSite<'a>>,
    /// Markers by name.
    pub markers: Vec<&'a str>,
    /// The Go functions, where the file contains Go code, or why they cannot be read.
    pub go: Option<Result<GoListing<'a>, Reason>>,
    /// Addresses of the Go code: functions there are no others, whatever symbols they have.
    pub go_code: Option<Range<u64>>,
    /// Only exported names are left.
    pub stripped: bool,
}

/// Lists a file's functions, USDT probes and markers. A function that is listed may still be
/// refused as unsafe.
pub fn list<'a>(image: impl Into<Image<'a>>) -> Result<Listing<'a>, Reason> {
    let elf = image.into().parse()?;
    let sites = usdt::sites(&elf);
    Ok(Listing {
        functions: elf
            .symbols
            .iter()
            .filter(|symbol| !symbol.indirect)
            .map(|symbol| (symbol.name, symbol.address, symbol.size))
            .collect(),
        markers: marker::names(&sites),
        usdt: sites
            .into_iter()
            .filter(|site| site.marker().is_none())
            .collect(),
        go: elf.is_go().then(|| go::list(&elf)),
        go_code: go::code(&elf),
        stripped: !elf.has_names,
    })
}
