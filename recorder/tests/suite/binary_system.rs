//! Functions of system binaries, as the distribution built them, where they are installed.

use std::path::Path;

use crate::binary_support::{function, host, objdump_returns, refusal};
use soakbox_recorder::binary::{Cost, Finish};

const POSTGRES: &str = "/usr/lib/postgresql/15/bin/postgres";
const LIBC: &str = "/lib/x86_64-linux-gnu/libc.so.6";

#[test]
fn postgres_functions_resolve_to_their_returns() {
    if !host::has_file(POSTGRES) || !host::has_tool("objdump") {
        return;
    }
    let bytes = std::fs::read(POSTGRES).unwrap();
    let (_, returns) = objdump_returns(Path::new(POSTGRES));
    for name in [
        "standard_ExecutorRun",
        "ProcessUtility",
        "standard_ProcessUtility",
        "exec_simple_query",
        "ExecInitNode",
    ] {
        match function(&bytes, name) {
            Ok(found) => {
                let Finish::Returns { sites, why, .. } = &found.finish else {
                    panic!("{name}: uretprobe")
                };
                println!(
                    "{name}: begin {:?}, {} returns {:x?}, {why}",
                    found.begins,
                    sites.len(),
                    sites.iter().map(|site| site.address).collect::<Vec<_>>()
                );
                assert!(sites.iter().all(|site| returns.contains(&site.address)));
                assert!(found.stack_switch.is_some());
            }
            Err(error) => println!("{error}"),
        }
    }
    let run = function(&bytes, "standard_ExecutorRun").unwrap();
    assert_eq!(run.begins[0].cost, Cost::Emulated);
}

#[test]
fn a_library_never_gets_a_uretprobe() {
    if !host::has_file(LIBC) {
        return;
    }
    let bytes = std::fs::read(LIBC).unwrap();
    let malloc = function(&bytes, "malloc").unwrap();
    assert!(matches!(malloc.finish, Finish::Returns { .. }));
    assert!(malloc.stack_switch.is_some());
    assert!(
        refusal(&bytes, "memcpy").contains("resolver"),
        "{}",
        refusal(&bytes, "memcpy")
    );
}
