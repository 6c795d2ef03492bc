//! The programs of the kernel side, one function each: they read the registers or arguments and
//! call the other files.
#![no_std]
#![no_main]
#![feature(asm_experimental_arch, core_intrinsics)]
#![allow(internal_features, reason = "for counters::add")]

mod begin;
mod counters;
mod durations;
mod event;
mod finish;
mod frames;
mod goroutines;
mod in_flight;
mod lifetime;
mod oldest;
mod private_stack;
mod registers;
mod return_instruction;
mod scheduling;
mod settings;
mod stacks;
mod switching;
mod target_cpu;
mod task;
mod walk;
mod way_out;

use aya_ebpf::EbpfContext;
use aya_ebpf::bindings::pt_regs;
use aya_ebpf::helpers::bpf_get_attach_cookie;
use aya_ebpf::macros::{btf_tracepoint, uprobe, uretprobe};
use aya_ebpf::programs::{BtfTracePointContext, ProbeContext, RetProbeContext};
use event::ReturnValue;
use soakbox_schemas::control::{Cookie, PairBy, ReturnCookie};

#[inline(always)]
fn cookie(context: &impl EbpfContext) -> Cookie {
    Cookie::unpack(packed_cookie(context))
}

#[inline(always)]
fn packed_cookie(context: &impl EbpfContext) -> u64 {
    unsafe { bpf_get_attach_cookie(context.as_ptr()) }
}

/// The begin of a function, at an instruction of its straight-line prologue.
#[uprobe]
pub fn function_begin(context: ProbeContext) -> u32 {
    private_stack::refuse();
    let cookie = cookie(&context);
    let regs = context.regs;
    begin::begin_function(
        cookie,
        registers::stack_pointer(regs),
        begins_with_jump(cookie, regs),
    );
    0
}

/// The begin of a function at a jump that is a finish too, mostly on one of its ways: one program does
/// both, because the kernel promises no order between two at one instruction.
#[uprobe]
pub fn function_begin_exit(context: ProbeContext) -> u32 {
    private_stack::refuse();
    let packed = packed_cookie(&context);
    let regs = context.regs;
    begin::begin_function(
        Cookie::unpack(packed),
        registers::stack_pointer(regs),
        false,
    );
    way_out::finish(packed, regs);
    0
}

/// Whether a function begins at a jump to another one, which leaves.
#[inline(always)]
fn begins_with_jump(cookie: Cookie, regs: *mut pt_regs) -> bool {
    match cookie.pair_by {
        PairBy::TailCalls(site) => site.is_jump() && way_out::is_out(cookie, regs),
        _ => false,
    }
}

/// The begin of a function that an observed one may tail-call.
#[uprobe]
pub fn tail_enter(context: ProbeContext) -> u32 {
    private_stack::refuse();
    let cookie = cookie(&context);
    let regs = context.regs;
    begin::enter_tail_called(
        cookie,
        registers::stack_pointer(regs),
        begins_with_jump(cookie, regs),
    );
    0
}

/// The same at a jump that is a finish too, mostly on one of its ways.
#[uprobe]
pub fn tail_enter_exit(context: ProbeContext) -> u32 {
    private_stack::refuse();
    let packed = packed_cookie(&context);
    let regs = context.regs;
    begin::enter_tail_called(
        Cookie::unpack(packed),
        registers::stack_pointer(regs),
        false,
    );
    way_out::finish(packed, regs);
    0
}

/// A jump out of a function, to one that it tail-calls.
#[uprobe]
pub fn tail_jump(context: ProbeContext) -> u32 {
    private_stack::refuse();
    let cookie = cookie(&context);
    if way_out::is_out(cookie, context.regs) {
        begin::jump_to_tail_called(cookie, way_out::entry(cookie, context.regs));
    }
    0
}

/// An instruction on the way out of a function, or a jump that leaves it: a finish where the flags say
/// that the jump goes the way that leads out.
#[uprobe]
pub fn function_exit(context: ProbeContext) -> u32 {
    private_stack::refuse();
    way_out::finish(packed_cookie(&context), context.regs);
    0
}

/// A RET instruction of a function, which the kernel executes.
#[uprobe]
pub fn function_finish(context: ProbeContext) -> u32 {
    private_stack::refuse();
    let packed = packed_cookie(&context);
    let returned = registers::return_value(context.regs);
    let entry = return_instruction::entry(packed, context.regs);
    finish_at_return(packed, entry, returned);
    0
}

/// A RET instruction of a function, which the program carries out.
#[uprobe]
pub fn function_carry_out(context: ProbeContext) -> u32 {
    private_stack::refuse();
    let packed = packed_cookie(&context);
    let returned = registers::return_value(context.regs);
    let entry = return_instruction::carry_out(packed, context.regs);
    finish_at_return(packed, entry, returned);
    0
}

#[inline(always)]
fn finish_at_return(packed: u64, entry: u64, returned: u64) {
    let cookie = ReturnCookie::without_page(packed);
    finish::finish_function(cookie, entry, ReturnValue::known(returned));
}

/// After the return of a function: the return address is already off the stack.
#[uretprobe]
pub fn function_return(context: RetProbeContext) -> u32 {
    private_stack::refuse();
    let regs = context.regs;
    let entry = registers::stack_pointer_before_return(regs);
    finish::finish_function(
        packed_cookie(&context),
        entry,
        ReturnValue::known(registers::return_value(regs)),
    );
    0
}

/// The begin of a Go function, after its stack check.
#[uprobe]
pub fn go_begin(context: ProbeContext) -> u32 {
    private_stack::refuse();
    let regs = context.regs;
    begin::begin_on_goroutine(
        cookie(&context),
        registers::stack_pointer(regs),
        registers::goroutine(regs),
    );
    0
}

/// A RET instruction of a Go function, which the kernel executes.
#[uprobe]
pub fn go_finish(context: ProbeContext) -> u32 {
    private_stack::refuse();
    let packed = packed_cookie(&context);
    let entry = return_instruction::entry(packed, context.regs);
    finish_go(packed, entry, context.regs);
    0
}

/// A RET instruction of a Go function, which the program carries out.
#[uprobe]
pub fn go_carry_out(context: ProbeContext) -> u32 {
    private_stack::refuse();
    let packed = packed_cookie(&context);
    let entry = return_instruction::carry_out(packed, context.regs);
    finish_go(packed, entry, context.regs);
    0
}

#[inline(always)]
fn finish_go(packed: u64, entry: u64, regs: *mut pt_regs) {
    let cookie = ReturnCookie::without_page(packed);
    let register = event::result_register(Cookie::unpack(cookie).operation);
    let result = ReturnValue::known(registers::go_result(regs, register));
    finish::finish_on_goroutine(cookie, entry, registers::goroutine(regs), result);
}

/// `runtime.Goexit()`: none of the functions that are in flight on the goroutine will return.
#[uprobe]
pub fn go_exit(context: ProbeContext) -> u32 {
    private_stack::refuse();
    goroutines::ended(registers::goroutine(context.regs));
    0
}

/// `runtime.gogo`: the thread goes on with another goroutine, or with the same one after a wait.
#[uprobe]
pub fn go_switch(_context: ProbeContext) -> u32 {
    private_stack::refuse();
    task::switched_goroutine();
    0
}

/// `soakbox_begin_NAME(token)`.
#[uprobe]
pub fn marker_begin(context: ProbeContext) -> u32 {
    private_stack::refuse();
    let regs = context.regs;
    begin::begin_marker(
        cookie(&context),
        registers::stack_pointer(regs),
        registers::argument_0(regs),
    );
    0
}

/// `soakbox_finish_NAME(token, value, success)`.
#[uprobe]
pub fn marker_finish(context: ProbeContext) -> u32 {
    private_stack::refuse();
    let regs = context.regs;
    finish::finish_marker(
        cookie(&context),
        registers::argument_0(regs),
        registers::argument_1(regs),
        registers::argument_2(regs) as u32 != 0,
    );
    0
}

/// Runs once, in the recorder: makes the recorder the root of the process tree that the setting
/// `follow_tree` is about.
#[uprobe]
pub fn register_recorder(_context: ProbeContext) -> u32 {
    private_stack::refuse();
    lifetime::track_current();
    0
}

#[btf_tracepoint(function = "sched_switch")]
pub fn sched_switch(context: BtfTracePointContext) -> i32 {
    scheduling::switched(context.arg(1), context.arg(2));
    0
}

#[btf_tracepoint(function = "sched_process_fork")]
pub fn sched_process_fork(context: BtfTracePointContext) -> i32 {
    lifetime::forked(context.arg(0), context.arg(1));
    0
}

#[btf_tracepoint(function = "sched_process_exec")]
pub fn sched_process_exec(context: BtfTracePointContext) -> i32 {
    lifetime::executed(context.arg(2));
    0
}

#[btf_tracepoint(function = "sched_process_exit")]
pub fn sched_process_exit(_context: BtfTracePointContext) -> i32 {
    lifetime::exited();
    0
}

/// Run by the recorder at the end of each interval: once for each thread, and once after the last.
#[unsafe(no_mangle)]
#[unsafe(link_section = "iter/task")]
extern "C" fn oldest_in_flight(context: *const walk::Step) -> i32 {
    oldest::step(unsafe { &*context })
}

/// Run by the recorder when it has found processes of the target: once for each thread of the host.
#[unsafe(no_mangle)]
#[unsafe(link_section = "iter/task")]
extern "C" fn threads_of_target(context: *const walk::Step) -> i32 {
    target_cpu::step(unsafe { &*context })
}

#[panic_handler]
fn panic(_info: &core::panic::PanicInfo) -> ! {
    loop {}
}

#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 4] = *b"GPL\0";

/// Checked by the loader: an object of another wire format is refused.
#[unsafe(no_mangle)]
static WIRE_FORMAT: u32 = soakbox_schemas::event::WIRE_VERSION;
