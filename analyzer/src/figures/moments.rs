//! Moments that were annotated: starts and exits, and notes that a person added.

use soakbox_cli::Result;
use soakbox_schemas::tables::AnnotationKind;

use crate::sql::columns::Columns;
use crate::sql::{Session, queries};

/// An annotated moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// When, ns UTC.
    pub at_ns: i64,
    /// Of which kind; never a gap.
    pub kind: AnnotationKind,
    /// The annotation's text: a note, a command line, an exit status.
    pub text: String,
}

/// All moments in order; those of a kind that this version does not know are left out.
pub(super) fn read(session: &Session) -> Result<Vec<Moment>> {
    let query = queries::fill(queries::MOMENTS, &[("gap", AnnotationKind::Gap.name())]);
    let Some(found) = Columns::new(&session.collect(&query)?)? else {
        return Ok(Vec::new());
    };
    let (times, kinds) = (found.times("at")?, found.words("kind")?);
    let rows = times.into_iter().zip(kinds).zip(found.words("text")?);
    Ok(rows
        .filter_map(|((at_ns, kind), text)| {
            Some(Moment {
                at_ns: at_ns?,
                kind: kind_of(&kind)?,
                text,
            })
        })
        .collect())
}

fn kind_of(name: &str) -> Option<AnnotationKind> {
    let mut kinds = AnnotationKind::ALL.into_iter();
    kinds.find(|kind| kind.name() == name)
}
