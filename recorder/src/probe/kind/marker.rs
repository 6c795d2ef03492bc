//! `marker:FILE:MARKER`: a section that a program marks with `soakbox.h` or the `marker!` macro.
//! Its begin and its finish are calls of two functions, which carry a token.

use std::fmt;
use std::sync::Arc;

use anyhow::Result;
use soakbox_schemas::control::{Cookie, Uretprobe, WayOut};

use super::{Kind, Probe};
use crate::binary::{self, Binary, ResolveError, Site};
use crate::plan::{Hook, OutcomeSource, Pairing, Phase, ProgramId};
use crate::probe::{Context, Explanation, Location, Place, Refusal, Resolved, shown};

/// Runs in `soakbox_begin_NAME`.
const BEGIN: ProgramId = ProgramId::new("marker_begin");
/// Runs in `soakbox_finish_NAME`.
const FINISH: ProgramId = ProgramId::new("marker_finish");
const PAIRING: Pairing = Pairing::Token;

/// `marker` in the list of kinds.
pub(super) struct MarkerKind;

impl Kind for MarkerKind {
    fn name(&self) -> &'static str {
        "marker"
    }

    fn syntax(&self) -> &'static str {
        "marker:FILE:MARKER"
    }

    fn summary(&self) -> &'static str {
        "a section marked with soakbox.h or marker!"
    }

    fn parse(&self, text: &str) -> Result<Box<dyn Probe>, Refusal> {
        let place = Place::parse(self, text)?;
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if !place.name.bytes().all(allowed) {
            return Err(Refusal::new(
                format!("'{}' is not a marker name", shown(&place.name)),
                "a marker's name is letters, digits and '_', as in SOAKBOX_OPERATION(NAME)",
            ));
        }
        Ok(Box::new(MarkerProbe(place)))
    }

    fn trial_hooks(&self, file: &Arc<Binary>) -> Vec<Hook> {
        vec![
            Hook::uprobe(Phase::Begin, BEGIN, file, 0, None),
            Hook::uprobe(Phase::Finish, FINISH, file, 0, None),
        ]
    }
}

/// A parsed `marker:FILE:MARKER`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct MarkerProbe(Place);

impl fmt::Display for MarkerProbe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", MarkerKind.name(), self.0)
    }
}

impl Probe for MarkerProbe {
    fn resolve(&self, context: &mut Context<'_>) -> Result<Resolved> {
        let Place { file, name } = &self.0;
        let open = context.files.open(file)?;
        let found = binary::resolve_marker(open.image(), file, name, context.kernel);
        let found = found.map_err(|reason| ResolveError::of(self, reason))?;
        let marker = found.part;
        let hook = |phase, program, site: &Site| {
            let cookie = Cookie {
                operation: context.operation,
                stack_delta: site.stack_delta,
                pair_by: PAIRING.pair_by(),
                uretprobe: Uretprobe::No,
                way_out: WayOut::default(),
            };
            Hook::uprobe(phase, program, &open.binary, site.file_offset, Some(cookie))
        };
        let begins = marker.begins.iter();
        let begins = begins.map(|site| hook(Phase::Begin, BEGIN, site));
        let finishes = marker.finishes.iter();
        let finishes = finishes.map(|site| hook(Phase::Finish, FINISH, site));
        let locations = |sites: &[Site]| sites.iter().map(Location::from).collect();
        let mut explanation = Explanation {
            finish: "by the marker".to_owned(),
            abandonment: "the end of the thread or process".to_owned(),
            success: match &context.rules.success {
                Some(success) => success.to_string(),
                None => "as the marker reports it".to_owned(),
            },
            begins: locations(&marker.begins),
            finishes: locations(&marker.finishes),
            warnings: found.warnings,
            ..Explanation::of_file("marker", &open)
        };
        explanation.cost = explanation.cost_of_instructions();
        Ok(Resolved {
            hooks: begins.chain(finishes).collect(),
            pairing: PAIRING,
            outcome: OutcomeSource::Finish,
            files: vec![open.observed(found.build_id.as_deref())],
            explanation,
        })
    }
}
