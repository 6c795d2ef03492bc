//! The costs of a file's functions: the class of each, or why it is refused, and the totals.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Serialize;

use super::Answer;
use crate::binary::{CostClass, Reason, Surveyed, SurveyedGo};
use crate::costs::{PairCost, ProbeCosts};

/// The name under which refused functions are counted and shown.
pub(super) const REFUSED: &str = "refused";
/// The name under which those of them are counted that `finish=jump` observes.
const WITH_FINISH_JUMP: &str = "with_finish_jump";

/// Adds to each function how it would be observed, and leaves out the symbols that are not
/// functions of their own: copies and split-off parts. A Go function counts once, as what it is.
pub(super) fn add_costs(
    answer: &mut Answer<'_>,
    surveyed: Vec<Surveyed<'_>>,
    go: Vec<SurveyedGo>,
    costs: Option<&ProbeCosts>,
) {
    let classes = CostClass::ALL.iter().map(|class| class.name());
    let mut totals: BTreeMap<_, _> = classes
        .chain([REFUSED, WITH_FINISH_JUMP])
        .map(|name| (name, 0))
        .collect();
    let mut counted = BTreeSet::new();
    for (function, SurveyedGo { address, class }) in answer.go_functions.iter_mut().zip(go) {
        if counted.insert(address) {
            *totals.entry(class_name(&class)).or_default() += 1;
        }
        function.cost = FunctionCost::new(class, costs);
    }
    let mut ways: HashMap<(&str, u64), _> = HashMap::new();
    for function in surveyed {
        // Names at one address are one function. The places between Go functions are none.
        if function.class != Err(Reason::Go) && counted.insert(function.address) {
            *totals.entry(class_name(&function.class)).or_default() += 1;
            let with_jumps = usize::from(function.at_jumps.is_some());
            *totals.entry(WITH_FINISH_JUMP).or_default() += with_jumps;
        }
        ways.insert((function.symbol, function.address), function);
    }
    answer.functions.retain_mut(|function| {
        let Some(surveyed) = ways.remove(&(function.name, function.at)) else {
            return false;
        };
        function.with_finish_jump = surveyed.at_jumps.map(CostClass::name);
        function.cost = FunctionCost::new(surveyed.class, costs);
        true
    });
    answer.totals = Some(totals);
}

fn class_name(class: &Result<CostClass, Reason>) -> &'static str {
    class.as_ref().map_or(REFUSED, |class| class.name())
}

/// How one function would be observed. All of it is absent where costs were not asked for.
#[derive(Debug, Default, Serialize)]
pub(super) struct FunctionCost {
    /// The cost class, where it can be observed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cost_class: Option<&'static str>,
    /// The cost of that class, as measured on this host.
    #[serde(flatten)]
    measured: Option<PairCost>,
    /// The reason why it cannot be observed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) refused: Option<String>,
}

impl FunctionCost {
    fn new(class: Result<CostClass, Reason>, costs: Option<&ProbeCosts>) -> Self {
        match class {
            Ok(class) => Self {
                cost_class: Some(class.name()),
                measured: costs.map(|costs| costs.of(class)),
                refused: None,
            },
            Err(reason) => Self {
                cost_class: None,
                measured: None,
                refused: Some(format!("{reason}; hint: {}", reason.hint())),
            },
        }
    }
}
