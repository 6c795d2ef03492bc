//! A kind of probe is one declaration: a kind that only this test declares is parsed, listed in the
//! help, resolved, explained by `check`, loaded and attached, and no other file knows about it.

use std::fmt;
use std::sync::Arc;

use crate::support::{host, programs};
use soakbox_recorder::binary::Binary;
use soakbox_recorder::commands::check::{explained, print_probe};
use soakbox_recorder::kernel::{Kernel, KernelFacts, KernelSettings, Scope};
use soakbox_recorder::plan::{
    AttachPoint, Hook, HookCookie, OutcomeSource, Pairing, Phase, ProgramId,
};
use soakbox_recorder::probe::{
    Context, Explanation, KINDS, Kind, LATER, Later, Location, Probe, Refusal, Registry, Resolved,
};
use soakbox_recorder::resolve::{Conditions, ResolvedProbes};
use soakbox_schemas::control::{Cookie, PairBy, Uretprobe, WayOut, comparison};

/// `switch:NAME`: an operation that has no file, no offset and no stack.
struct SwitchKind;

#[derive(Debug)]
struct Switch(String);

impl Kind for SwitchKind {
    fn name(&self) -> &'static str {
        "switch"
    }

    fn syntax(&self) -> &'static str {
        "switch:NAME"
    }

    fn summary(&self) -> &'static str {
        "a made-up kind on a tracepoint of the kernel"
    }

    fn parse(&self, text: &str) -> Result<Box<dyn Probe>, Refusal> {
        match text {
            "" => Err(Refusal::new("the switch has no name", "write switch:NAME")),
            name => Ok(Box::new(Switch(name.to_owned()))),
        }
    }

    fn trial_hooks(&self, _file: &Arc<Binary>) -> Vec<Hook> {
        vec![hook(0)]
    }
}

impl fmt::Display for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "switch:{}", self.0)
    }
}

impl Probe for Switch {
    fn resolve(&self, context: &mut Context<'_>) -> anyhow::Result<Resolved> {
        let place = || Location {
            address: format!("sched:{}", self.0),
            file_offset: None,
            stepped: false,
            carried_out: false,
            way: None,
        };
        Ok(Resolved {
            hooks: vec![hook(context.operation)],
            pairing: Pairing::Token,
            outcome: OutcomeSource::Finish,
            files: Vec::new(),
            explanation: Explanation {
                kind: "switch",
                finish: "when the next one begins".to_owned(),
                abandonment: "nothing".to_owned(),
                success: "as made up".to_owned(),
                begins: vec![place()],
                finishes: vec![place()],
                warnings: vec!["it is made up".to_owned()],
                cost: "nothing worth naming".to_owned(),
                ..Explanation::default()
            },
        })
    }
}

fn hook(operation: u16) -> Hook {
    Hook {
        phase: Phase::Begin,
        point: AttachPoint::BtfTracepoint("sched_switch"),
        program: ProgramId::new("sched_switch"),
        cookie: Some(HookCookie::Plain(Cookie {
            operation,
            stack_delta: 0,
            pair_by: PairBy::StackOrder,
            uretprobe: Uretprobe::No,
            way_out: WayOut::default(),
        })),
    }
}

/// The registry of this version, with the kind of this test.
fn registry() -> Registry {
    let mut kinds = KINDS.to_vec();
    kinds.push(&SwitchKind);
    Registry {
        kinds: kinds.leak(),
        later: LATER,
    }
}

fn resolved() -> ResolvedProbes {
    let spec = registry().parse("beat=switch:next,type=7").unwrap();
    ResolvedProbes::resolve(vec![spec], None, Conditions::of_this_host().unwrap())
}

#[test]
fn it_parses_and_is_in_the_help() {
    let registry = registry();
    let text = "beat=switch:next,type=7,success=ret:i32==0";
    assert_eq!(registry.parse(text).unwrap().to_string(), text);
    let help = registry.help();
    assert!(help.contains("  switch:NAME "), "{help}");
    assert!(help.contains(SwitchKind.summary()), "{help}");
    let refused = |text| registry.parse(text).err().unwrap().to_string();
    assert!(refused("beat=switch:").contains("has no name; hint: write switch:NAME"));
    assert!(refused("beat=swich:next").contains("switch"));
    assert!(refused("beat").contains("NAME=switch:NAME"));
    assert!(
        "beat=switch:next"
            .parse::<soakbox_recorder::probe::ProbeSpec>()
            .is_err()
    );
}

#[test]
fn a_kind_that_comes_later_is_data_of_the_registry() {
    let registry = Registry {
        later: &[Later {
            name: "moon",
            syntax: "moon:PHASE",
        }],
        ..registry()
    };
    let error = registry.parse("tide=moon:full").err().unwrap().to_string();
    assert!(
        error.contains("moon probes are not available yet"),
        "{error}"
    );
    assert!(error.contains("moon:PHASE"), "{error}");
}

#[test]
fn it_resolves_to_an_operation_without_a_file() {
    let resolved = resolved();
    let operation = &resolved.operations[0];
    assert_eq!(
        (operation.info.name.as_str(), operation.info.operation_type),
        ("beat", 7)
    );
    assert_eq!(
        operation.rule.comparison,
        comparison::MARKER,
        "its own success"
    );
    assert_eq!(
        (operation.hooks.len(), operation.pairing),
        (1, Pairing::Token)
    );
    assert!(resolved.files.is_empty());
    assert_eq!(resolved.warnings(), ["beat: it is made up"]);
}

#[test]
fn check_shows_its_own_explanation() {
    let resolved = resolved();
    let answers = explained(&resolved, None);
    let mut table = Vec::new();
    print_probe(&answers[0], &mut table).unwrap();
    let table = String::from_utf8(table).unwrap();
    for line in [
        "\nbeat (switch)\n",
        "  begin         sched:next\n",
        "  finish        when the next one begins: sched:next\n",
        "  success       as made up\n",
        "  warning       it is made up\n",
        "  cost          nothing worth naming\n",
    ] {
        assert!(table.contains(line), "{table}");
    }
    let json = serde_json::to_value(&answers[0]).unwrap();
    assert_eq!(json["operation"], "beat");
    assert_eq!(json["kind"], "switch");
    assert!(json["file"].is_null(), "{json}");
    assert_eq!(json["begins"][0]["address"], "sched:next");
}

#[test]
fn it_is_loaded_and_attached_like_any_other() {
    if !host::allows_bpf() {
        return;
    }
    let _alone = programs::alone();
    let resolved = resolved();
    let settings = KernelSettings {
        rules: vec![resolved.operations[0].rule],
        ..KernelSettings::default()
    };
    let hooks = &resolved.operations[0].hooks;
    let mut kernel = Kernel::load(&KernelFacts::inspect().unwrap(), &settings, hooks).unwrap();
    assert_eq!(kernel.programs(), [ProgramId::new("sched_switch")]);
    kernel.attach([&hooks[0]], Scope::File).unwrap();
    kernel.detach_all();
}

#[test]
fn the_documentation_has_each_kind() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/configuration.md");
    let text = std::fs::read_to_string(path).unwrap();
    for kind in KINDS {
        assert!(text.contains(&format!("| `{}` |", kind.syntax())));
    }
}
