//! The functions of the recorder itself that are measured, and the probes at them.

use std::arch::naked_asm;
use std::hint::black_box;
use std::path::PathBuf;
use std::sync::Arc;

use soakbox_schemas::control::WayOut;

use crate::binary::{Binary, Cost, CostClass, ExitSite, Finish, Function, Site, TailCalls};
use crate::kernel::{KernelError, own_file_offset};
use crate::plan::{Hook, Pairing};
use crate::probe::function_hooks;

/// A function of the recorder's own, and the class in which it is observed.
pub(super) struct Way {
    pub(super) class: CostClass,
    /// Whether its operations are kept in the hash, or with their thread.
    pub(super) is_in_hash: bool,
    function: extern "C" fn() -> u64,
}

/// An instruction of the function: its distance from the first, and the bytes on the stack there.
#[derive(Clone, Copy)]
struct Place(u64, i16, Cost);

const PUSH: Place = Place(0, 0, Cost::Emulated);
const MOVE: Place = Place(1, 8, Cost::SingleStepped);
const JUMP: Place = Place(14, 0, Cost::Emulated);
const RET: Place = Place(16, 0, Cost::SingleStepped);

/// Defines a function that returns the time stamp counter in its middle: after the places of a
/// begin (`push`, which the kernel emulates, and `mov`, which it single-steps) and before those of
/// a finish (`jmp`, emulated, and `ret`, single-stepped).
macro_rules! measured_function {
    ($name:ident) => {
        #[unsafe(naked)]
        extern "C" fn $name() -> u64 {
            naked_asm!(
                "push rbp",
                "mov rbp, rsp",
                "rdtsc",
                "shl rdx, 32",
                "or rax, rdx",
                "pop rbp",
                "jmp 2f",
                "2:",
                "ret",
            )
        }
    };
}

measured_function!(emulated);
measured_function!(by_uretprobe);
measured_function!(one_step);
measured_function!(two_steps);
measured_function!(in_hash);

/// The code of each function.
const CODE: [u8; 17] = [
    0x55, 0x48, 0x89, 0xe5, 0x0f, 0x31, 0x48, 0xc1, 0xe2, 0x20, 0x48, 0x09, 0xd0, 0x5d, 0xeb, 0x00,
    0xc3,
];

/// The ways that are measured.
pub(super) static WAYS: [Way; 5] = [
    Way::with_thread(CostClass::Emulated, emulated),
    Way::with_thread(CostClass::Uretprobe, by_uretprobe),
    Way::with_thread(CostClass::OneStep, one_step),
    Way::with_thread(CostClass::TwoSteps, two_steps),
    Way {
        class: CostClass::Emulated,
        is_in_hash: true,
        function: in_hash,
    },
];

impl Way {
    const fn with_thread(class: CostClass, function: extern "C" fn() -> u64) -> Self {
        Self {
            class,
            is_in_hash: false,
            function,
        }
    }

    /// Calls it: the time stamp counter in its middle.
    pub(super) fn call(&self) -> u64 {
        black_box(self.function)()
    }

    /// The hooks of a function of this class.
    pub(super) fn hooks(
        &self,
        own: &Arc<Binary>,
        operation: u16,
    ) -> Result<Vec<Hook>, KernelError> {
        let start = self.function as usize as u64;
        // SAFETY: the function is code of this length at least, which is mapped and readable.
        let code = unsafe { std::slice::from_raw_parts(start as *const u8, CODE.len()) };
        if code != CODE {
            return Err(refused("its code is not as expected"));
        }
        let offset =
            own_file_offset(start).ok_or_else(|| refused("it is not in /proc/self/maps"))?;
        let site = |Place(distance, stack_delta, cost)| Site {
            address: start + distance,
            file_offset: offset + distance,
            stack_delta,
            cost,
            may_be_carried_out: false,
        };
        let finish = |exits, kept| Finish::Returns {
            sites: vec![site(RET)],
            exits,
            kept,
            why: String::new(),
        };
        let on_the_way = ExitSite {
            site: site(JUMP),
            way_out: WayOut::default(),
        };
        let (begin, finish) = match self.class {
            CostClass::Emulated => (PUSH, finish(vec![on_the_way], Vec::new())),
            CostClass::Uretprobe => (PUSH, Finish::Uretprobe(site(PUSH))),
            CostClass::OneStep => (PUSH, finish(Vec::new(), vec![site(RET)])),
            CostClass::TwoSteps => (MOVE, finish(Vec::new(), vec![site(RET)])),
        };
        let function = Function {
            symbol: String::new(),
            aliases: Vec::new(),
            copies: Vec::new(),
            address: start,
            begins: vec![site(begin)],
            finish,
            stack_switch: None,
            vouched: None,
            tail_calls: TailCalls::default(),
            left_at: Vec::new(),
        };
        let pairing = match self.is_in_hash {
            true => Pairing::ExactStackPointer,
            false => Pairing::StackOrder,
        };
        Ok(function_hooks(&function, own, operation, pairing))
    }
}

/// The error where a function cannot be measured.
pub(super) fn refused(reason: &str) -> KernelError {
    KernelError::Attach {
        place: "a function of the recorder itself".to_owned(),
        reason: reason.to_owned(),
        hint: "is /proc mounted?",
    }
}

/// The recorder's own file.
pub(super) fn own_binary() -> Result<Arc<Binary>, KernelError> {
    let own = PathBuf::from("/proc/self/exe");
    let opened = Binary::open_only(own);
    let own = opened.map_err(|error| refused(&error.to_string()))?;
    Ok(Arc::new(own))
}
