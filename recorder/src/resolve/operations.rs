//! From resolved probes to numbered operations with the places that each observes.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Result, bail};
use soakbox_schemas::control::{Cookie, mode};
use soakbox_schemas::tables::OperationInfo;

use super::ResolvedProbe;
use crate::binary::{Binary, Finish, Operation, Order, Site};
use crate::kernel::{Placement, ProbeProgram};
use crate::plan::{PlannedOperation, PlannedTarget};

/// Numbers the operations and refuses two on the same instruction.
pub(super) fn plan_operations(
    probes: &[ResolvedProbe],
) -> Result<(Vec<PlannedOperation>, Vec<PlannedTarget>)> {
    let mut taken: HashMap<(PathBuf, u64), String> = HashMap::new();
    let mut targets: Vec<PlannedTarget> = Vec::new();
    let mut operations = Vec::new();
    for (
        index,
        ResolvedProbe {
            spec,
            binary,
            resolved,
        },
    ) in probes.iter().enumerate()
    {
        let placements = placements(index as u16, binary, &resolved.operation);
        for placement in &placements {
            let other = taken.insert(
                (binary.path().to_owned(), placement.offset),
                spec.name.clone(),
            );
            if let Some(other) = other.filter(|other| *other != spec.name) {
                bail!(
                    "{other} and {} observe the same code in {}; hint: leave one of them out",
                    spec.name,
                    binary.path().display()
                );
            }
        }
        let marker = matches!(resolved.operation, Operation::Marker(_));
        operations.push(PlannedOperation {
            info: OperationInfo {
                name: spec.name.clone(),
                operation_type: i64::from(spec.rules.operation_type.unwrap_or(0)),
            },
            rule: spec.rules.operation_rule(marker),
            placements,
        });
        if !targets
            .iter()
            .any(|target| Arc::ptr_eq(&target.binary, binary))
        {
            let build_id = resolved
                .build_id
                .as_ref()
                .map(|id| id.iter().map(|byte| format!("{byte:02x}")).collect());
            targets.push(PlannedTarget {
                binary: binary.clone(),
                build_id,
            });
        }
    }
    Ok((operations, targets))
}

/// The probes of one operation.
fn placements(operation: u16, binary: &Arc<Binary>, found: &Operation) -> Vec<Placement> {
    let place = |program, site: &Site, mode| Placement {
        program,
        target: binary.clone(),
        offset: site.file_offset,
        cookie: Cookie {
            operation,
            stack_delta: site.stack_delta,
            mode,
        },
    };
    match found {
        Operation::Marker(marker) => {
            let begins = marker
                .begins
                .iter()
                .map(|site| place(ProbeProgram::MarkerBegin, site, 0));
            let finishes = marker
                .finishes
                .iter()
                .map(|site| place(ProbeProgram::MarkerFinish, site, 0));
            begins.chain(finishes).collect()
        }
        Operation::Function(function) => {
            let order = match function.order {
                Order::StackOrder => 0,
                Order::EqualOnly { .. } => mode::EQUAL_ONLY,
            };
            let (mode, finishes) = match &function.finish {
                Finish::Returns { sites, .. } => (
                    order,
                    sites
                        .iter()
                        .map(|site| place(ProbeProgram::FunctionFinish, site, order))
                        .collect::<Vec<_>>(),
                ),
                Finish::Uretprobe(site) => {
                    let mode = order | mode::URETPROBE;
                    (mode, vec![place(ProbeProgram::FunctionReturn, site, mode)])
                }
            };
            let begins = function
                .begins
                .iter()
                .map(|site| place(ProbeProgram::FunctionBegin, site, mode));
            begins.chain(finishes).collect()
        }
    }
}
