//! Markers made by soakbox.h and by hand resolve to both halves, or are refused with the reason.

use crate::binary_support::{KERNEL, Workshop, objdump_returns};
use soakbox_recorder::binary::{Cost, KernelVersion, Marker, ResolveError, list, resolve_marker};

fn marker(bytes: &[u8], name: &str) -> Result<Marker, ResolveError> {
    let found = resolve_marker(bytes, "./program", name, KERNEL);
    let found = found.map_err(|reason| ResolveError {
        probe: format!("marker:./program:{name}"),
        reason,
    })?;
    Ok(found.part)
}

#[test]
fn both_halves_of_a_marker_are_found_with_and_without_symbols() {
    let workshop = Workshop::new();
    for flags in [
        &["-O0"][..],
        &["-O2"],
        &["-O2", "-s"],
        &["-O2", "-no-pie", "-fno-pie"],
        &["-O2", "-static"],
    ] {
        let bytes = workshop.build("gcc", "markers.c", flags);
        for name in ["rule_refresh", "traffic_control"] {
            let found = marker(&bytes, name).unwrap_or_else(|error| panic!("{flags:?}: {error}"));
            assert_eq!(
                (found.begins.len(), found.finishes.len()),
                (1, 1),
                "{flags:?}"
            );
            for site in found.begins.iter().chain(&found.finishes) {
                let at = usize::try_from(site.file_offset).unwrap();
                assert_eq!(bytes[at..at + 7], [0x90, 0x0f, 0x1f, 0x44, 0, 0, 0xc3]);
                assert_eq!((site.stack_delta, site.cost), (0, Cost::Emulated));
            }
        }
        assert_eq!(
            list(&bytes).unwrap().markers,
            ["inlined", "rule_refresh", "traffic_control"]
        );
    }
    let old = KernelVersion {
        major: 6,
        minor: 17,
    };
    let bytes = workshop.build("gcc", "markers.c", &["-O2"]);
    let found = resolve_marker(&bytes, "./p", "rule_refresh", old).unwrap();
    let mut sites = found.part.begins.iter().chain(&found.part.finishes);
    assert!(sites.all(|site| site.cost == Cost::Emulated));
}

#[test]
fn sites_that_could_corrupt_the_caller_are_refused() {
    let workshop = Workshop::new();
    let bytes = workshop.build("gcc", "markers.c", &["-O2", "-DHALF"]);
    let inlined = marker(&bytes, "inlined").unwrap_err().to_string();
    assert!(
        inlined.contains("inlined: no return follows") && inlined.contains("hint: "),
        "{inlined}"
    );
    let half = marker(&bytes, "half").unwrap_err().to_string();
    assert!(half.contains("has no finish"), "{half}");
    let unknown = marker(&bytes, "rule_refrseh").unwrap_err().to_string();
    assert!(
        unknown.contains("has no marker 'rule_refrseh' (did you mean 'rule_refresh'?)"),
        "{unknown}"
    );
    let far = marker(&bytes, "zzz").unwrap_err().to_string();
    assert!(far.contains("half, inlined, rule_refresh"), "{far}");
    let none = workshop.build_text("gcc", "c", "int main(void){return 0;}", &[]);
    let none = marker(&none, "rule_refresh").unwrap_err().to_string();
    assert!(none.contains("no soakbox markers"), "{none}");
}

#[test]
fn the_sites_of_several_objects_are_all_returned() {
    let workshop = Workshop::new();
    let text = r#"
        #define SITE(N, PROBE) __asm__(".pushsection .text\n" N ": 990: .byte 0x90, 0x0f, 0x1f, 0x44, 0x00, 0x00\nret\n" \
        ".pushsection .note.stapsdt, \"\", \"note\"\n.balign 4\n" \
        ".4byte 992f - 991f, 994f - 993f, 3\n991: .asciz \"stapsdt\"\n992: .balign 4\n" \
        "993: .8byte 990b\n.8byte 0\n.8byte 0\n.asciz \"soakbox\"\n.asciz \"" PROBE "\"\n.asciz \"\"\n" \
        "994: .balign 4\n.popsection\n.popsection\n")
        SITE("a", "op__begin"); SITE("b", "op__begin"); SITE("c", "op__finish"); SITE("d", "op__finish"); SITE("e", "op__finish");
        int main(void) { return 0; }
    "#;
    let found = marker(&workshop.build_text("gcc", "c", text, &[]), "op").unwrap();
    assert_eq!((found.begins.len(), found.finishes.len()), (2, 3));
    let (functions, _) = objdump_returns(&workshop.path().join("program"));
    assert!(functions.contains_key("main"));
}

#[test]
fn a_marker_that_waits_for_its_semaphore_is_refused() {
    let workshop = Workshop::new();
    let program = |semaphore: &str| {
        let text = r#"
            unsigned short raised;
            #define SITE(N, PROBE) __asm__(".pushsection .text\n" N ": 990: .byte 0x90, 0x0f, 0x1f, 0x44, 0x00, 0x00\nret\n" \
            ".pushsection .note.stapsdt, \"\", \"note\"\n.balign 4\n" \
            ".4byte 992f - 991f, 994f - 993f, 3\n991: .asciz \"stapsdt\"\n992: .balign 4\n" \
            "993: .8byte 990b\n.8byte 0\n.8byte SEMAPHORE\n.asciz \"soakbox\"\n.asciz \"" PROBE "\"\n.asciz \"\"\n" \
            "994: .balign 4\n.popsection\n.popsection\n")
            SITE("a", "op__begin"); SITE("b", "op__finish");
            int main(void) { return raised; }
        "#;
        workshop.build_text(
            "gcc",
            "c",
            &text.replace("SEMAPHORE", semaphore),
            &["-no-pie"],
        )
    };
    assert!(marker(&program("0"), "op").is_ok());
    let refused = marker(&program("raised"), "op").unwrap_err().to_string();
    assert!(
        refused.contains("marker 'op' at 0x") && refused.contains("has a semaphore"),
        "{refused}"
    );
    assert!(
        refused.contains("hint: ") && refused.contains("usdt:"),
        "{refused}"
    );
}
