//! How much stack the programs of the kernel side need, as older kernels count it: each function of
//! a chain of calls is rounded up to 32 bytes. Newer kernels, on which these tests usually run, round
//! less and so load programs that the older ones refuse.

use std::collections::HashMap;
use std::fs;

use object::read::elf::ElfFile64;
use object::{
    Object, ObjectSection, ObjectSymbol, RelocationTarget, SectionIndex, SectionKind, SymbolKind,
};

/// The kernel's MAX_BPF_STACK.
const MOST: u64 = 512;
const ROUNDED_TO: u64 = 32;
const INSTRUCTION: usize = 8;
/// `r10`, the frame pointer.
const FRAME: u8 = 10;

/// Section, and offset there.
type Place = (SectionIndex, u64);

#[derive(Default)]
struct Function {
    name: String,
    stack: u64,
    /// What it calls, or gives to a helper that calls it.
    called: Vec<Place>,
    is_program: bool,
}

fn functions(bytes: &[u8]) -> HashMap<Place, Function> {
    let file = ElfFile64::<object::LittleEndian>::parse(bytes).unwrap();
    let mut all = HashMap::new();
    for symbol in file.symbols() {
        let Some(index) = symbol.section_index().filter(|_| symbol.size() > 0) else {
            continue;
        };
        let section = file.section_by_index(index).unwrap();
        if symbol.kind() != SymbolKind::Text || section.kind() != SectionKind::Text {
            continue;
        }
        // Where instructions name what they call.
        let targets: HashMap<u64, Place> = section
            .relocations()
            .filter_map(|(at, relocation)| {
                let RelocationTarget::Symbol(symbol) = relocation.target() else {
                    return None;
                };
                let symbol = file.symbol_by_index(symbol).unwrap();
                Some((at, (symbol.section_index()?, symbol.address())))
            })
            .collect();
        let code = section.data().unwrap();
        let mut function = Function {
            name: symbol.name().unwrap().to_owned(),
            is_program: section.name().unwrap() != ".text",
            ..Function::default()
        };
        let (mut at, end) = (symbol.address(), symbol.address() + symbol.size());
        // The register that the instruction before made a copy of the frame pointer.
        let mut copy = None;
        while at < end {
            let instruction = &code[at as usize..][..INSTRUCTION];
            let (opcode, registers) = (instruction[0], instruction[1]);
            let (destination, source) = (registers & 15, registers >> 4);
            let offset = i16::from_le_bytes(instruction[2..4].try_into().unwrap());
            let number = i32::from_le_bytes(instruction[4..8].try_into().unwrap());
            let reached = match opcode & 7 {
                // BPF_LDX; BPF_ST and BPF_STX.
                1 if source == FRAME => i64::from(offset),
                2 | 3 if destination == FRAME => i64::from(offset),
                // An addition to the copy.
                _ if opcode == 0x07 && copy == Some(destination) => i64::from(number),
                _ => 0,
            };
            function.stack = function.stack.max(reached.min(0).unsigned_abs());
            copy = (opcode == 0xbf && source == FRAME).then_some(destination);
            let target = targets.get(&at);
            match (opcode, target) {
                // A call of a function; with a relocation the number is from the section's begin.
                (0x85, Some(&(section, begin))) => {
                    let relative = (i64::from(number) + 1) * INSTRUCTION as i64;
                    let place = begin.wrapping_add_signed(relative);
                    function.called.push((section, place));
                }
                (0x85, None) if source == 1 => {
                    let relative = (i64::from(number) + 1) * INSTRUCTION as i64;
                    function
                        .called
                        .push((index, at.wrapping_add_signed(relative)));
                }
                // The address of a function.
                (0x18, Some(&(section, begin))) => {
                    let is_code = file.section_by_index(section).unwrap().kind();
                    if is_code == SectionKind::Text {
                        let place = begin.wrapping_add_signed(i64::from(number));
                        function.called.push((section, place));
                    }
                }
                _ => {}
            }
            let length = if opcode == 0x18 { 2 } else { 1 };
            at += (length * INSTRUCTION) as u64;
        }
        all.insert((index, symbol.address()), function);
    }
    all
}

/// The stack of the deepest chain of calls from this function on, and the chain.
fn deepest(all: &HashMap<Place, Function>, place: Place) -> (u64, Vec<String>) {
    let function = &all[&place];
    let own = function.stack.max(1).next_multiple_of(ROUNDED_TO);
    let chains = function.called.iter().map(|called| deepest(all, *called));
    let (stack, mut chain) = chains.max().unwrap_or_default();
    chain.insert(0, format!("{} ({own})", function.name));
    (own + stack, chain)
}

#[test]
fn no_chain_of_calls_needs_more_stack_than_older_kernels_give() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/bpf/soakbox.x86_64.bpf.o");
    let all = functions(&fs::read(path).unwrap());
    let programs = all.iter().filter(|(_, function)| function.is_program);
    let chains: Vec<_> = programs.map(|(place, _)| deepest(&all, *place)).collect();
    // Functions that nothing calls would tell that calls are not found.
    assert!(chains.len() > 10 && chains.iter().any(|(_, chain)| chain.len() > 2));
    for (stack, chain) in chains {
        assert!(stack <= MOST, "{stack} bytes: {chain:?}");
    }
}
