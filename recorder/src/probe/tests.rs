//! Tests of the probe grammar: texts that scripts rely on parse as written, and an error names the
//! mistake.

use std::num::NonZeroU32;

use proptest::prelude::*;

use super::*;
use crate::plan::OutcomeSource;

fn parse(text: &str) -> ProbeSpec {
    text.parse().unwrap()
}

fn refused(text: &str) -> String {
    let error = text.parse::<ProbeSpec>().unwrap_err().to_string();
    assert!(
        error.contains("; hint: ") && !error.contains('\n'),
        "{error}"
    );
    error
}

#[test]
fn the_texts_that_scripts_rely_on_parse() {
    let text = "rule_refresh=uprobe:/usr/bin/my-prog:refresh_rules,type=1,success=ret:i32>=0";
    let spec = parse(text);
    assert_eq!(spec.name, "rule_refresh");
    assert_eq!(
        spec.probe.to_string(),
        "uprobe:/usr/bin/my-prog:refresh_rules"
    );
    assert_eq!(spec.rules.operation_type, Some(1));
    assert_eq!(
        spec.rules.success,
        Some(Success::Return {
            width: Width::I32,
            comparison: Comparison::GreaterOrEqual,
            value: 0
        })
    );
    assert_eq!(spec.to_string(), text);
    let marker = parse("a.b-c_D9=marker:./p:traffic_control");
    assert_eq!(marker.name, "a.b-c_D9");
    assert_eq!(marker.probe.to_string(), "marker:./p:traffic_control");
    assert_eq!(marker.rules, Rules::default());
    assert_ne!(marker, parse("a.b-c_D9=uprobe:./p:traffic_control"));
    assert_eq!(
        parse("a=uprobe:p:f,success=errno").rules.success,
        Some(Success::Errno { width: Width::I64 })
    );
    assert_eq!(
        parse("a=uprobe:p:f,success=errno:i32").rules.success,
        Some(Success::Errno { width: Width::I32 })
    );
}

#[test]
fn a_comma_in_a_path_is_escaped_and_the_error_shows_how() {
    for kind in ["uprobe", "marker"] {
        let escaped = parse(&format!(r"a={kind}:/srv/a\,b:c\d/p:f,type=1"));
        assert_eq!(escaped.rules.operation_type, Some(1));
        assert_eq!(
            escaped.probe.to_string(),
            format!(r"{kind}:/srv/a\,b\:c\\d/p:f"),
            "a colon or another backslash need not be escaped; it is where a probe is displayed"
        );
        for forgotten in [
            "/srv/a,b/p:f",
            "/srv/a:x,b=c/p:f",
            "/srv/x:a,type/p:f,type=1",
        ] {
            let error = refused(&format!("a={kind}:{forgotten}"));
            assert!(error.contains(r"'\,'"), "{error}");
        }
    }
    let template = parse(r"a=uprobe:/p:std::map<int\, long>::at(int const&)");
    assert_eq!(template.rules, Rules::default());
}

#[test]
fn the_help_names_each_kind_and_how_a_comma_is_written() {
    let help = REGISTRY.help();
    for kind in KINDS {
        assert!(help.contains(kind.syntax()) && help.contains(kind.summary()));
        assert!(kind.syntax().starts_with(&format!("{}:", kind.name())));
    }
    assert!(
        help.contains(r"'\,'") && help.contains("success="),
        "{help}"
    );
    for later in LATER {
        assert!(later.syntax.starts_with(&format!("{}:", later.name)));
        assert!(KINDS.iter().all(|kind| kind.name() != later.name));
        let error = refused(&format!("a={}", later.syntax));
        assert!(error.contains("not available yet"), "{error}");
    }
}

#[test]
fn every_comparison_and_width_parses() {
    for (operator, comparison) in [
        (">=", Comparison::GreaterOrEqual),
        ("<=", Comparison::LessOrEqual),
        ("==", Comparison::Equal),
        ("!=", Comparison::NotEqual),
        (">", Comparison::Greater),
        ("<", Comparison::Less),
    ] {
        let spec = parse(&format!("a=uprobe:p:f,success=ret{operator}-7"));
        assert_eq!(
            spec.rules.success,
            Some(Success::Return {
                width: Width::I64,
                comparison,
                value: -7
            })
        );
    }
    for width in ["i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "ptr"] {
        assert_eq!(
            parse(&format!("a=uprobe:p:f,success=ret:{width}!=0x10"))
                .rules
                .success
                .unwrap()
                .to_string(),
            format!("ret:{width}!=16")
        );
    }
}

#[test]
fn refusals_name_the_thing_and_the_next_step() {
    for (text, expected) in [
        ("uprobe:p:f", "the operation has no name"),
        ("=uprobe:p:f", "'' is not an operation name"),
        ("a b=uprobe:p:f", "'a b' is not an operation name"),
        (
            &format!("{}=uprobe:p:f", "x".repeat(65)),
            "is not an operation name",
        ),
        ("a=uprobe:f", "names no file and function"),
        ("a=uprobe::f", "names no file"),
        ("a=uprobe:p:", "names nothing in p"),
        ("a=kprobe:p:f", "'kprobe' is not a kind of probe"),
        ("a=", "'' is not a kind of probe"),
        (
            "a=syscall:read",
            "syscall probes are not available yet in this version",
        ),
        ("a=go:main.f", "the go probe names no file and function"),
        ("a=go:p:", "names nothing in p"),
        ("a=kfunc:vfs_read", "not available yet"),
        ("a=usdt:p:q:b..f", "not available yet"),
        ("a=tracepoint:c:b..f", "not available yet"),
        ("a=bpf:prog", "not available yet"),
        ("a=kmesh:/sys/fs/bpf/x", "not available yet"),
        ("a=marker:p:a-b", "'a-b' is not a marker name"),
        ("a=uprobe:p:f,", "'' is not a rule"),
        ("a=uprobe:p:f,typ=1", "'typ=1' is not a rule"),
        ("a=uprobe:p:f,type=x", "type 'x' is not a number"),
        ("a=uprobe:p:f,type=1,type=2", "given twice"),
        ("a=uprobe:p:f,success=ret", "cannot be read"),
        ("a=uprobe:p:f,success=ret>", "cannot be read"),
        ("a=uprobe:p:f,success=ret=0", "cannot be read"),
        ("a=uprobe:p:f,success=ret:i33>0", "'i33' is not a width"),
        (
            "a=uprobe:p:f,success=ret:i8>=128",
            "128 is outside the range of i8",
        ),
        (
            "a=uprobe:p:f,success=ret:u32>=-1",
            "-1 is outside the range of u32",
        ),
        ("a=uprobe:p:f,success=errno:u32", "must be signed"),
        ("a=go:p:f,success=goerr:8", "from 0 to 7"),
        (
            "a=go:p:f,cpu=thread",
            "the only rule 'cpu' is cpu=goroutine",
        ),
        (
            "a=uprobe:p:f,finish=ret",
            "the rules 'finish' are finish=uretprobe, finish=jump and finish=step",
        ),
        ("a=uprobe:p:f,finish=uretprobe,finish=step", "given twice"),
        ("a=go:p:f,cpu=goroutine,cpu=goroutine", "given twice"),
        ("a=go:p:f,success=goerr:", "cannot be read"),
        ("a=go:p:f,success=goerr1", "cannot be read"),
        ("a=go:p:f,success=goerr:-1", "success=goerr:N"),
        ("a=uprobe:p:f,success=arg1==0", "not available yet"),
        ("a=uprobe:p:f,bytes=arg2", "not available yet"),
        ("a=uprobe:p:f,key=arg1", "not available yet"),
        ("a=uprobe:p:f,attr.host=arg1:str", "not available yet"),
        ("a=uprobe:p:f,min=10", "with its unit"),
        ("a=uprobe:p:f,min=1s,min=2s", "given twice"),
        ("a=uprobe:p:f,only=slow", "only=failures"),
        ("a=uprobe:p:f,only=failures,only=failures", "given twice"),
        ("a=uprobe:p:f,sample=10", "write 1/N"),
        ("a=uprobe:p:f,bytes=arg1", "not available yet"),
        ("a=uprobe:p:f\n", "control character"),
        (&"x".repeat(9000), "longer than"),
    ] {
        let error = refused(text);
        assert!(error.contains(expected), "{text}: {error}");
    }
}

#[test]
fn the_kernel_side_decides_success_by_the_rule() {
    let minus_one_as_c_int = u64::from(u32::MAX);
    for (rule, raw, holds) in [
        ("ret>=0", u64::MAX, false),
        ("ret>=0", minus_one_as_c_int, true),
        ("ret:i32>=0", minus_one_as_c_int, false),
        ("ret:i32==-1", minus_one_as_c_int, true),
        ("ret:u8==255", 0x1ff, true),
        ("ret:ptr!=0", 0, false),
        ("ret:ptr!=0", u64::MAX, true),
        ("ret:u32>2", minus_one_as_c_int, true),
        ("errno", (-2i64).cast_unsigned(), false),
        ("errno", (-4096i64).cast_unsigned(), true),
        ("errno", 5, true),
        ("errno:i32", minus_one_as_c_int, false),
        ("errno", minus_one_as_c_int, true),
    ] {
        let rule_of = parse(&format!("a=uprobe:p:f,success={rule}"))
            .rules
            .operation_rule(OutcomeSource::ReturnValue);
        assert_eq!(
            rule_of.success(rule_of.widen(raw)),
            Some(holds),
            "{rule} of {raw:#x}"
        );
    }
    assert_eq!(
        Rules::default()
            .operation_rule(OutcomeSource::ReturnValue)
            .success(0),
        None
    );
    assert_eq!(
        Rules::default()
            .operation_rule(OutcomeSource::Finish)
            .comparison,
        comparison::MARKER
    );
}

use soakbox_schemas::control::comparison;

fn success() -> impl Strategy<Value = Success> {
    let widths = prop::sample::select(vec![
        Width::I8,
        Width::I16,
        Width::I32,
        Width::I64,
        Width::U8,
        Width::U16,
        Width::U32,
        Width::U64,
        Width::Pointer,
    ]);
    let comparisons = prop::sample::select(vec![
        Comparison::Equal,
        Comparison::NotEqual,
        Comparison::Less,
        Comparison::LessOrEqual,
        Comparison::Greater,
        Comparison::GreaterOrEqual,
    ]);
    let of_values = (widths, comparisons, any::<i64>(), any::<bool>()).prop_map(
        |(width, comparison, value, errno)| {
            if errno && width.is_signed() {
                return Success::Errno { width };
            }
            let unused = 64 - width.bits();
            let value = if width.is_signed() {
                value << unused >> unused
            } else {
                ((value.cast_unsigned() << unused >> unused) & i64::MAX.cast_unsigned())
                    .cast_signed()
            };
            Success::Return {
                width,
                comparison,
                value,
            }
        },
    );
    let of_errors = prop::option::of(0..8u32).prop_map(|before| Success::GoError { before });
    prop_oneof![of_values, of_errors]
}

proptest! {
    #[test]
    fn a_displayed_probe_parses_to_itself(
        name in "[A-Za-z0-9_.-]{1,64}",
        file in r"[^\u{0}-\u{1f}\u{7f}-\u{9f}]{1,20}|[a,:\\]{1,9}",
        function in r"[^\u{0}-\u{1f}\u{7f}-\u{9f}]{1,20}|[a,:\\]{1,9}|[a-z]{1,5}(::[a-z]{1,5}){0,2}",
        operation_type in prop::option::of(any::<u32>()),
        success in prop::option::of(success()),
        goroutine_cpu: bool,
        finish in prop::option::of(prop::sample::select(vec![
            FinishRule::Uretprobe,
            FinishRule::Jump,
            FinishRule::Step,
        ])),
        least in prop::option::of(0..86_400_000_000_000_u64),
        only_failures: bool,
        sample in prop::option::of(1..1_000_000_u32),
        kind in 0..KINDS.len(),
    ) {
        let kind = KINDS[kind];
        let part = match kind.name() {
            "marker" => function.replace(|c: char| !c.is_ascii_alphanumeric(), "_"),
            _ => function,
        };
        let place = Place { file, name: part };
        prop_assert_eq!(Place::parse(kind, &place.to_string()), Ok(place.clone()));
        let selection = Selection {
            min_duration: least.map(MinDuration),
            only_failures,
            sample: sample.and_then(NonZeroU32::new).map(Sample),
        };
        let rules = Rules { operation_type, success, goroutine_cpu, finish, selection };
        let text = format!("{name}={}:{place}{rules}", kind.name());
        let spec: ProbeSpec = text.parse().unwrap();
        prop_assert_eq!(spec.to_string(), text);
        prop_assert_eq!((&spec.name, spec.rules), (&name, rules));
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,80}", rules in r"[a-z:=<>!0-9.,\\-]{0,40}") {
        let _ = text.parse::<ProbeSpec>();
        let _ = format!("a=uprobe:{text}").parse::<ProbeSpec>();
        let _ = format!("a=uprobe:p:f,{rules}").parse::<ProbeSpec>();
    }
}
