//! Entry, raising and switching of stacks on x86-64 under the System V convention.
//!
//! # Protocol
//!
//! 1. [`enter`] and [`resume`] push `rbp`, `rbx` and the address of their own end on the caller's stack and store the
//!    stack pointer in the activation's first word. Whatever ends the stay restores that stack pointer, puts an `EXIT_`
//!    number in `rax` and goes to the end whose address is there: also a guest that just returns, since it may have been
//!    suspended, and is then in a stay of `resume`. All other registers are lost, which the compiler knows: it keeps only
//!    what it needs, and nothing is saved twice.
//! 2. [`suspend`] pushes the six callee-saved registers on the guest's stack and stores that stack pointer in the second
//!    word; [`resume`] takes it from there and returns to the caller of `suspend` ([`restore`]).
//! 3. The guest's entry may clobber `r15` (the pinned register of compiled code) and must keep `rbx`, which holds the
//!    activation meanwhile. It starts with `rbp` zero, where walks over frame pointers end.
//! 4. The signal handler needs nothing but [`redirect`]: the landing depends on `rsp` and `rax` only.

use std::arch::{asm, naked_asm};
use std::mem::offset_of;

use libc::{REG_EFL, REG_RAX, REG_RBP, REG_RIP, REG_RSP, c_int, greg_t, ucontext_t};

/// The entry returned.
pub(super) const EXIT_RETURNED: u64 = 0;
/// The frames were abandoned; the activation holds the fault.
pub(super) const EXIT_FAULTED: u64 = 1;
/// The stack was suspended.
pub(super) const EXIT_SUSPENDED: u64 = 2;

/// Direction flag: the convention wants it clear.
const EFLAGS_DF: greg_t = 1 << 10;

/// The two words that this file reads and writes, at the start of an activation.
#[derive(Debug, Default)]
#[repr(C)]
pub(super) struct StackPointers {
    /// Of the host while the guest runs.
    pub(super) host: usize,
    /// Of the guest while it is suspended.
    pub(super) guest: usize,
}

/// The stack pointer, about.
#[inline(always)]
pub(super) fn stack_pointer() -> usize {
    let sp: usize;
    // SAFETY: reads a register.
    unsafe { asm!("mov {}, rsp", out(reg) sp, options(nomem, nostack, preserves_flags)) };
    sp
}

/// Calls `entry.entry` on the stack that ends at `top`, or below the caller when `top` is 0.
///
/// # Safety
///
/// As for [`super::enter`].
#[inline(always)]
pub(super) unsafe fn enter(stacks: *mut StackPointers, top: usize, entry: &super::Entry) -> u64 {
    let exit: u64;
    // SAFETY: what is pushed is popped, also after a landing; all other registers are declared lost. The rest is the
    // caller's promise.
    unsafe {
        asm!(
            "push rbp",
            "push rbx",
            "lea rbx, [rip + 3f]",
            "push rbx",
            "mov [r8], rsp",
            "lea rbx, [rsp - 8]",
            "test rcx, rcx",
            "cmovz rcx, rbx",
            "mov rbx, r8",
            "mov rsp, rcx",
            "xor ebp, ebp",
            "call rax",
            "mov rsp, [rbx]",
            "pop rcx",
            "xor eax, eax",
            "jmp rcx",
            "3:",
            "pop rbx",
            "pop rbp",
            inout("rax") entry.entry => exit,
            in("rcx") top,
            in("rdi") entry.context,
            in("rsi") entry.code,
            in("rdx") entry.values,
            in("r8") stacks,
            out("r12") _,
            out("r13") _,
            out("r14") _,
            out("r15") _,
            clobber_abi("C"),
        );
    }
    exit
}

/// Where every exit but a return comes down.
///
/// # Safety
///
/// Jumped to, with `rsp` as [`enter`] or [`resume`] stored it.
#[unsafe(naked)]
unsafe extern "C" fn landing() {
    naked_asm!("ret")
}

/// Leaves the guest's stack for that of `enter` or `resume`; returns when the guest is resumed.
///
/// # Safety
///
/// `stacks` is the outermost activation's on the current stack, and the guest runs.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn suspend(stacks: *mut StackPointers) {
    naked_asm!(
        "push rbp",
        "push rbx",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "mov [rdi + 8], rsp",
        "mov rsp, [rdi]",
        "mov eax, {suspended}",
        "ret",
        suspended = const EXIT_SUSPENDED,
    )
}

/// Goes on with a suspended stack.
///
/// # Safety
///
/// [`suspend`] left `stacks` on this thread, and the stack is as it was left.
#[inline(always)]
pub(super) unsafe fn resume(stacks: *mut StackPointers) -> u64 {
    let exit: u64;
    // SAFETY: as in `enter`.
    unsafe {
        asm!(
            "push rbp",
            "push rbx",
            "lea rbx, [rip + 3f]",
            "push rbx",
            "mov [rdi], rsp",
            "mov rsp, [rdi + 8]",
            "jmp {restore}",
            "3:",
            "pop rbx",
            "pop rbp",
            restore = sym restore,
            in("rdi") stacks,
            out("rax") exit,
            out("r12") _,
            out("r13") _,
            out("r14") _,
            out("r15") _,
            clobber_abi("C"),
        );
    }
    exit
}

/// Returns to the caller of [`suspend`].
///
/// # Safety
///
/// Jumped to, with `rsp` as [`suspend`] stored it.
#[unsafe(naked)]
unsafe extern "C" fn restore() {
    naked_asm!("pop r15", "pop r14", "pop r13", "pop r12", "pop rbx", "pop rbp", "ret")
}

/// Abandons the frames of guest code up to the landing that `find` answers for `context` and the caller's frame pointer.
/// If it answers null, or is none itself, all are abandoned up to the innermost entry, which returns [`Exit::Faulted`]
/// with [`FaultKind::Raised`] and the caller's registers. Its address goes into the table of builtins; compiled stubs
/// call it.
///
/// [`Exit::Faulted`]: super::Exit::Faulted
/// [`FaultKind::Raised`]: crate::fault::FaultKind::Raised
///
/// # Safety
///
/// Called from guest code of the innermost activation, with no frame of the host between. The landing is in guest code,
/// its frame is one of the same activation, with none of the host's below it, and that code takes it up with the
/// registers that [`Landing`] names.
///
/// [`Landing`]: super::Landing
#[unsafe(naked)]
pub unsafe extern "C" fn raise(find: Option<super::FindLanding>, context: *mut u8) -> ! {
    naked_asm!(
        // No frame that goes on expects anything of the registers that calls preserve.
        "mov rbx, [rsp]",
        "lea r12, [rsp + 8]",
        "and rsp, -16",
        "test rdi, rdi",
        "jz 3f",
        "mov rax, rdi",
        "mov rdi, rsi",
        "mov rsi, rbp",
        "call rax",
        "test rax, rax",
        "jz 3f",
        "mov rbp, [rax + {fp}]",
        "mov rsp, [rax + {sp}]",
        "mov rcx, [rax + {pc}]",
        "mov rax, [rax + {value}]",
        "cld",
        "jmp rcx",
        "3:",
        "mov rdi, rbx",
        "mov rsi, rbp",
        "mov rdx, r12",
        "call {record}",
        "mov rsp, rax",
        "mov eax, {faulted}",
        "cld",
        "ret",
        pc = const offset_of!(super::Landing, pc),
        fp = const offset_of!(super::Landing, fp),
        sp = const offset_of!(super::Landing, sp),
        value = const offset_of!(super::Landing, value),
        record = sym super::record_raise,
        faulted = const EXIT_FAULTED,
    )
}

/// The registers of interrupted code: program counter, frame pointer, stack pointer.
pub(crate) fn registers(context: &ucontext_t) -> (usize, usize, usize) {
    let register =
        |index: c_int| usize::from_ne_bytes(context.uc_mcontext.gregs[place(index)].to_ne_bytes());
    (register(REG_RIP), register(REG_RBP), register(REG_RSP))
}

/// Makes the interrupted thread go on at the landing, with the host's stack pointer.
pub(crate) fn redirect(context: &mut ucontext_t, host_sp: usize) {
    let landing: unsafe extern "C" fn() = landing;
    let registers = &mut context.uc_mcontext.gregs;
    registers[place(REG_RIP)] = greg_t::from_ne_bytes((landing as usize).to_ne_bytes());
    registers[place(REG_RSP)] = greg_t::from_ne_bytes(host_sp.to_ne_bytes());
    registers[place(REG_RAX)] = EXIT_FAULTED.cast_signed();
    registers[place(REG_EFL)] &= !EFLAGS_DF;
}

const fn place(index: c_int) -> usize {
    index.unsigned_abs() as usize
}
