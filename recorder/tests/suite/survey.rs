//! `probes --costs`: each function has the cost class of its observation, or the reason of its
//! refusal, as `check` has them.

use std::collections::BTreeSet;

use crate::support::{host, recorder, targets};
use serde_json::Value;

/// What `check` knows of these functions: the class of each, or `refused: ` and the reason.
fn by_check(program: &str, symbols: &[&str]) -> Vec<String> {
    let operations = symbols.iter().enumerate();
    let operations: Vec<String> = operations
        .map(|(index, symbol)| format!("op{index}=uprobe:{program}:{symbol}"))
        .collect();
    let mut arguments = vec!["check", "--format", "json"];
    arguments.extend(operations.iter().flat_map(|operation| ["--op", operation]));
    let (_, json, stderr) = recorder::run(&arguments);
    let answer: Value = serde_json::from_str(&json).unwrap_or_else(|_| panic!("{stderr}"));
    let named = |list: &str, name: &str| {
        let list = answer[list].as_array().unwrap().iter();
        let mut list = list.filter(|entry| entry["operation"] == name);
        list.next().cloned()
    };
    let of = |index: usize| {
        let name = format!("op{index}");
        let Some(probe) = named("probes", &name) else {
            let refused = named("refused", &name).unwrap();
            return format!("refused: {}", refused["reason"].as_str().unwrap());
        };
        let stepped = |key: &str| {
            let mut sites = probe[key].as_array().unwrap().iter();
            sites.any(|site| site["stepped"].as_bool().unwrap())
        };
        let uretprobe = probe["finish"].as_str().unwrap().contains("uretprobe");
        match (stepped("begins"), stepped("finishes"), uretprobe) {
            (false, false, true) => "uretprobe",
            (false, false, false) => "emulated",
            (true, true, false) => "two_steps",
            _ => "one_step",
        }
        .to_owned()
    };
    (0..symbols.len()).map(of).collect()
}

#[test]
fn each_function_has_the_class_and_the_reason_that_check_has() {
    let mut seen = BTreeSet::new();
    for (source, flags) in [
        ("ops.c", &[][..]),
        ("cpu.c", &[]),
        ("clones.c", &["-O3"]),
        ("overloads.cpp", &[]),
    ] {
        let program = targets::build(source, flags).display().to_string();
        let answer = recorder::json(&["probes", "--costs", &program]);
        let mut counts = std::collections::BTreeMap::<String, i64>::new();
        let mut addresses = BTreeSet::new();
        let functions = answer["functions"].as_array().unwrap();
        // `check` refuses two operations on the same code.
        let text = |function: &Value, key: &str| function[key].as_str().unwrap().to_owned();
        let mut seen_at = BTreeSet::new();
        let mut distinct = functions.clone();
        distinct.retain(|function| seen_at.insert(text(function, "address")));
        let names: Vec<&str> = distinct
            .iter()
            .map(|function| function["name"].as_str().unwrap())
            .collect();
        assert!((4..=64).contains(&names.len()), "{names:?}");
        let by_check = by_check(&program, &names);
        for function in functions {
            let name = function["name"].as_str().unwrap();
            assert!(
                !name.contains(".constprop."),
                "a copy is no function: {name}"
            );
            let same = |other: &Value| other["address"] == function["address"];
            let expected = by_check[distinct.iter().position(same).unwrap()].clone();
            let class = match function.get("cost_class") {
                Some(class) => {
                    assert!(function.get("refused").is_none(), "{function}");
                    assert_eq!(class.as_str(), Some(expected.as_str()), "{program} {name}");
                    expected
                }
                None => {
                    let reason = function["refused"].as_str().unwrap();
                    assert!(
                        expected.starts_with("refused: ") && expected.ends_with(reason),
                        "{program} {name}: {reason}, but {expected}"
                    );
                    "refused".to_owned()
                }
            };
            if addresses.insert(function["address"].as_str().unwrap().to_owned()) {
                *counts.entry(class.clone()).or_default() += 1;
            }
            seen.insert(class);
        }
        for (class, total) in answer["totals"].as_object().unwrap() {
            let counted = counts.get(class).copied().unwrap_or(0);
            assert_eq!(total.as_i64(), Some(counted), "{program}: {class}");
        }
        let (_, table, _) = recorder::run(&["probes", "--costs", &program]);
        assert!(table.contains("\ntotals    emulated "), "{table}");
    }
    for class in ["uretprobe", "one_step", "refused"] {
        assert!(seen.contains(class), "{class} is not among {seen:?}");
    }
}

#[test]
fn costs_are_measured_on_this_host_and_a_step_costs_more_than_none() {
    let program = targets::build("ops.c", &[]).display().to_string();
    let answer = recorder::json(&["probes", "--costs", &program]);
    if !host::allows_bpf() {
        assert!(answer["not_measured"].is_string(), "{answer}");
        return;
    }
    assert!(answer.get("not_measured").is_none());
    let of = |class: &str, key: &str| answer["measured"][class][key].as_f64().unwrap();
    for class in ["emulated", "uretprobe", "one_step", "two_steps"] {
        for key in ["begin_us", "finish_us"] {
            let us = of(class, key);
            assert!((0.05..500.0).contains(&us), "{class} {key}: {us}");
        }
    }
    assert!(of("two_steps", "begin_us") > of("one_step", "begin_us"));
    assert!(of("one_step", "finish_us") > of("emulated", "finish_us"));
    for function in answer["functions"].as_array().unwrap() {
        for key in ["begin_us", "finish_us"] {
            let class = function.get("cost_class");
            let expected = class.map(|class| of(class.as_str().unwrap(), key));
            assert_eq!(
                function.get(key).and_then(Value::as_f64),
                expected,
                "{function}"
            );
        }
    }
    // `check` has the costs of the places themselves, not of their class.
    let operation = format!("op=uprobe:{program}:op");
    let checked = recorder::json(&["check", "--op", &operation]);
    let us = |key: &str| checked["probes"][0][key].as_f64().unwrap();
    assert!(us("begin_us") > 0.0 && us("finish_us") > 0.0, "{checked}");
}

#[test]
fn without_costs_the_answer_is_what_it_was() {
    let program = targets::build("ops.c", &[]).display().to_string();
    let answer = recorder::json(&["probes", &program]);
    assert!(answer.get("totals").is_none());
    for function in answer["functions"].as_array().unwrap() {
        let keys: Vec<&String> = function.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["address", "name", "size"], "{function}");
    }
}
