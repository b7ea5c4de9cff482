//! The spike on which decision 3 rests: an exception is thrown across a foreign call, and the landing pad has its own
//! context again, although the context is pinned in a register.
//!
//! Three functions in Cranelift's IR, much as `try_table` and `throw` are translated (decision 80):
//! `entry` (from the host) calls `catcher` with its context; `catcher` sets a foreign context and calls `callee` inside a
//! try; `callee` calls the host's `throw`, which abandons `callee`'s frame and resumes at `catcher`'s landing pad.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

use std::arch::{asm, naked_asm};

use cranelift_codegen::Context;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::{
    AbiParam, BlockArg, ExceptionTableData, ExceptionTableItem, Function, InstBuilder,
    MemFlagsData, Signature, UserFuncName, types::I64,
};
use cranelift_codegen::isa::{CallConv, OwnedTargetIsa};
use cranelift_codegen::settings::{self, Configurable};
use cranelift_codegen::{FinalizedMachExceptionHandler, isa};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use faasm_sfi::code::CodeImage;

fn target() -> OwnedTargetIsa {
    let mut flags = settings::builder();
    for (name, value) in
        [("opt_level", "speed"), ("enable_pinned_reg", "true"), ("preserve_frame_pointers", "true")]
    {
        flags.set(name, value).unwrap();
    }
    let host = isa::lookup(target_lexicon::Triple::host()).unwrap();
    host.finish(settings::Flags::new(flags)).unwrap()
}

fn signature(convention: CallConv, params: usize, returns: usize) -> Signature {
    let mut signature = Signature::new(convention);
    signature.params = vec![AbiParam::new(I64); params];
    signature.returns = vec![AbiParam::new(I64); returns];
    signature
}

/// `entry(context, code, callee, throw, handler, frame) -> code(callee, throw, handler, frame)` with that context.
fn entry() -> Function {
    build(signature(CallConv::SystemV, 6, 1), |f| {
        let params = f.block_params(f.current_block().unwrap()).to_vec();
        f.ins().set_pinned_reg(params[0]);
        let code = f.import_signature(signature(CallConv::Tail, 4, 1));
        let call = f.ins().call_indirect(code, params[1], &params[2..]);
        let result = f.inst_results(call)[0];
        f.ins().return_(&[result]);
    })
}

/// Calls `callee(throw, handler, frame)` with a foreign context; returns what the landing pad was given plus the word at
/// its own context, or 0 if nothing was thrown.
fn catcher() -> Function {
    build(signature(CallConv::Tail, 4, 1), |f| {
        let params = f.block_params(f.current_block().unwrap()).to_vec();
        let (normal, landing) = (f.create_block(), f.create_block());
        let thrown = f.append_block_param(landing, I64);
        f.append_block_param(landing, I64);
        let own = f.ins().get_pinned_reg(I64);
        let foreign = f.ins().iadd_imm_s(own, 8);
        f.ins().set_pinned_reg(foreign);
        let callee = f.import_signature(signature(CallConv::Tail, 3, 0));
        let to_normal = f.func.dfg.block_call(normal, &[]);
        let payload = [BlockArg::TryCallExn(0), BlockArg::TryCallExn(1)];
        let to_landing = f.func.dfg.block_call(landing, &payload);
        let table =
            ExceptionTableData::new(callee, to_normal, [ExceptionTableItem::Default(to_landing)]);
        let table = f.func.dfg.exception_tables.push(table);
        f.ins().try_call_indirect(params[0], &params[1..], table);
        f.switch_to_block(normal);
        let nothing = f.ins().iconst(I64, 0);
        f.ins().return_(&[nothing]);
        // What every landing pad begins with.
        f.switch_to_block(landing);
        f.ins().set_pinned_reg(own);
        let context = f.ins().get_pinned_reg(I64);
        let word = f.ins().load(I64, MemFlagsData::trusted(), context, 0);
        let sum = f.ins().iadd(thrown, word);
        f.ins().return_(&[sum]);
    })
}

/// Calls `throw(handler, frame)`, which does not return.
fn callee() -> Function {
    build(signature(CallConv::Tail, 3, 0), |f| {
        let params = f.block_params(f.current_block().unwrap()).to_vec();
        let throw = f.import_signature(signature(CallConv::SystemV, 2, 0));
        f.ins().call_indirect(throw, params[0], &params[1..]);
        f.ins().return_(&[]);
    })
}

fn build(signature: Signature, body: impl FnOnce(&mut FunctionBuilder<'_>)) -> Function {
    let mut function = Function::with_name_signature(UserFuncName::default(), signature);
    let mut scratch = FunctionBuilderContext::new();
    let mut builder = FunctionBuilder::new(&mut function, &mut scratch);
    let entry = builder.create_block();
    builder.append_block_params_for_function_params(entry);
    builder.switch_to_block(entry);
    body(&mut builder);
    builder.seal_all_blocks();
    builder.finalize(target().frontend_config());
    function
}

/// Code, and where a throw in its first try lands: offset of the landing pad, bytes from frame to stack pointer.
fn code(function: Function) -> (Vec<u8>, Option<(u32, u32)>) {
    let mut context = Context::for_function(function);
    let code = context.compile(&*target(), &mut ControlPlane::default()).unwrap();
    assert!(code.buffer.relocs().is_empty(), "all calls are indirect");
    let landing = code.buffer.call_sites().find_map(|site| match site.exception_handlers {
        [FinalizedMachExceptionHandler::Default(at)] => Some((*at, site.frame_offset?)),
        _ => None,
    });
    (code.buffer.data().to_vec(), landing)
}

/// Abandons the caller's frame and resumes in its caller's, at `handler`, with 42 as what is thrown.
///
/// # Safety
///
/// The caller keeps a frame pointer; its caller's stack pointer is `frame` bytes below its frame pointer.
#[unsafe(naked)]
unsafe extern "C" fn throw(handler: usize, frame: usize) {
    naked_asm!(
        "mov rbp, [rbp]",
        "mov rsp, rbp",
        "sub rsp, rsi",
        "mov eax, 42",
        "xor edx, edx",
        "jmp rdi",
    )
}

#[test]
fn a_landing_pad_has_its_own_context_again() {
    let (mut text, _) = code(entry());
    text.resize(text.len().next_multiple_of(16), 0xcc);
    let catcher_at = text.len();
    let (catcher, landing) = code(catcher());
    text.extend(catcher);
    text.resize(text.len().next_multiple_of(16), 0xcc);
    let callee_at = text.len();
    text.extend(code(callee()).0);
    let (landing, frame) = landing.expect("the try has a handler");

    let image = CodeImage::new(&text).unwrap();
    let (base, contexts) = (image.base(), [1000_u64, 7]);
    let result: u64;
    // SAFETY: the code is `entry`'s, which takes six words and clobbers what the convention allows and r15; it reads
    // `contexts` only, and `throw` gets what `catcher`'s call site says.
    unsafe {
        asm!(
            "call rax",
            inout("rax") base => result,
            in("rdi") contexts.as_ptr(),
            in("rsi") base + catcher_at,
            in("rdx") base + callee_at,
            in("rcx") throw as *const () as usize,
            in("r8") base + catcher_at + landing as usize,
            in("r9") u64::from(frame),
            out("r15") _,
            clobber_abi("C"),
        );
    }
    assert_eq!(result, 42 + contexts[0]);
}
