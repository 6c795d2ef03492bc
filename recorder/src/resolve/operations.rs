//! From probes to numbered operations: resolves each probe, and refuses two on one instruction.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use soakbox_schemas::tables::OperationInfo;

use crate::binary::KernelVersion;
use crate::host::Host;
use crate::plan::{Hook, ObservedFile, PlannedOperation};
use crate::probe::{Context, Explanation, Files, ProbeSpec};
use crate::process::Process;

/// The probes, resolved: the same for `record` and `check`.
#[derive(Debug)]
pub struct ResolvedProbes {
    /// The host that they were resolved on.
    pub host: Host,
    /// The one process, where only one is observed.
    pub process: Option<Arc<Process>>,
    /// The probes as typed, in the order of their operations.
    pub specs: Vec<ProbeSpec>,
    /// The operations in the order of their numbers.
    pub operations: Vec<PlannedOperation>,
    /// The explanation of the probe of each operation, in the same order.
    pub explanations: Vec<Explanation>,
    /// The files that they are in, each once.
    pub files: Vec<ObservedFile>,
}

impl ResolvedProbes {
    /// Resolves `specs`; the index of each is its operation's number.
    ///
    /// # Errors
    /// Where one does not resolve or could harm the observed program, or two observe the same code.
    pub fn resolve(specs: Vec<ProbeSpec>, process: Option<Arc<Process>>) -> Result<Self> {
        let host = Host::read();
        let kernel = version_of(&host)?;
        let mut files = Files::new(process.clone());
        let mut all = Self {
            host,
            process,
            specs: Vec::new(),
            operations: Vec::new(),
            explanations: Vec::new(),
            files: Vec::new(),
        };
        let mut places = HashMap::new();
        for (operation, spec) in specs.iter().enumerate() {
            let mut context = Context {
                operation: operation as u16,
                rules: spec.rules,
                kernel,
                files: &mut files,
            };
            let resolved = spec.probe.resolve(&mut context);
            let resolved = resolved.with_context(|| spec.name.clone())?;
            refuse_same_code(&mut places, &spec.name, &resolved.hooks)?;
            all.add_files(resolved.files);
            all.explanations.push(resolved.explanation);
            all.operations.push(PlannedOperation {
                info: OperationInfo {
                    name: spec.name.clone(),
                    operation_type: i64::from(spec.rules.operation_type.unwrap_or(0)),
                },
                rule: spec.rules.operation_rule(resolved.outcome),
                pairing: resolved.pairing,
                hooks: resolved.hooks,
            });
        }
        all.specs = specs;
        Ok(all)
    }

    /// The warnings of all operations, each after the operation's name.
    pub fn warnings(&self) -> Vec<String> {
        let operations = self.operations.iter().zip(&self.explanations);
        operations
            .flat_map(|(operation, explanation)| {
                let name = &operation.info.name;
                let warnings = explanation.warnings.iter();
                warnings.map(move |warning| format!("{name}: {warning}"))
            })
            .collect()
    }

    fn add_files(&mut self, files: Vec<ObservedFile>) {
        for file in files {
            let known = self
                .files
                .iter()
                .any(|known| Arc::ptr_eq(&known.binary, &file.binary));
            if !known {
                self.files.push(file);
            }
        }
    }
}

fn version_of(host: &Host) -> Result<KernelVersion> {
    let release = &host.kernel;
    KernelVersion::parse(release)
        .with_context(|| format!("the kernel's release '{release}' has no version in it"))
}

/// Refuses an operation on an instruction that another one observes; `places` has the operation of
/// each instruction so far.
fn refuse_same_code(
    places: &mut HashMap<(PathBuf, u64), String>,
    name: &str,
    hooks: &[Hook],
) -> Result<()> {
    for (file, offset) in hooks.iter().filter_map(|hook| hook.point.instruction()) {
        let other = places.insert((file.path().to_owned(), offset), name.to_owned());
        if let Some(other) = other.filter(|other| other != name) {
            bail!(
                "{other} and {name} observe the same code in {}; hint: leave one of them out",
                file.path().display()
            );
        }
    }
    Ok(())
}
