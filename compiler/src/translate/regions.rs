//! Loops that call nothing: there the context pointer is read once, before them.
//!
//! In such a loop a copy of the context register lives anyway; one that is made before the loop saves the copying and
//! lets loads of fields that never change, such as the base of an imported memory, move out of the loop with it.

use wasmparser::{FunctionBody, Operator};

/// For each loop of a body, in order, whether it calls nothing.
pub(super) fn call_free_loops(body: &FunctionBody<'_>) -> wasmparser::Result<Vec<bool>> {
    let mut free = Vec::new();
    // For each open block, its loop and whether it calls.
    let mut open: Vec<(Option<usize>, bool)> = Vec::new();
    let mut reader = body.get_operators_reader()?;
    while !reader.eof() {
        match reader.read()? {
            Operator::Loop { .. } => {
                open.push((Some(free.len()), false));
                free.push(true);
            }
            Operator::Block { .. } | Operator::If { .. } | Operator::TryTable { .. } => {
                open.push((None, false));
            }
            Operator::End => close(&mut open, &mut free),
            op if calls(&op) => {
                if let Some((_, calls)) = open.last_mut() {
                    *calls = true;
                }
            }
            _ => {}
        }
    }
    Ok(free)
}

fn close(open: &mut Vec<(Option<usize>, bool)>, free: &mut [bool]) {
    let Some((index, true)) = open.pop() else { return };
    if let Some(index) = index {
        free[index] = false;
    }
    if let Some((_, calls)) = open.last_mut() {
        *calls = true;
    }
}

/// Whether an operator is translated to a call.
const fn calls(op: &Operator<'_>) -> bool {
    matches!(
        op,
        Operator::Call { .. }
            | Operator::CallIndirect { .. }
            | Operator::CallRef { .. }
            | Operator::Throw { .. }
            | Operator::ThrowRef
            | Operator::MemoryGrow { .. }
            | Operator::MemoryCopy { .. }
            | Operator::MemoryFill { .. }
            | Operator::MemoryInit { .. }
            | Operator::DataDrop { .. }
            | Operator::TableGrow { .. }
            | Operator::TableFill { .. }
            | Operator::TableCopy { .. }
            | Operator::TableInit { .. }
            | Operator::ElemDrop { .. }
            | Operator::MemoryAtomicWait32 { .. }
            | Operator::MemoryAtomicWait64 { .. }
            | Operator::MemoryAtomicNotify { .. }
    ) || makes_or_asks(op)
}

/// Whether an operator on objects may call the VM.
const fn makes_or_asks(op: &Operator<'_>) -> bool {
    matches!(
        op,
        Operator::StructNew { .. }
            | Operator::StructNewDefault { .. }
            | Operator::ArrayNew { .. }
            | Operator::ArrayNewDefault { .. }
            | Operator::ArrayNewFixed { .. }
            | Operator::ArrayNewData { .. }
            | Operator::ArrayNewElem { .. }
            | Operator::ArrayInitData { .. }
            | Operator::ArrayInitElem { .. }
            | Operator::ArrayCopy { .. }
            | Operator::ArrayFill { .. }
            | Operator::RefTestNonNull { .. }
            | Operator::RefTestNullable { .. }
            | Operator::RefCastNonNull { .. }
            | Operator::RefCastNullable { .. }
            | Operator::BrOnCast { .. }
            | Operator::BrOnCastFail { .. }
    )
}

#[cfg(test)]
mod tests {
    use wasmparser::{Parser, Payload};

    use super::*;

    #[test]
    fn a_loop_calls_if_anything_in_it_does() {
        let wasm = wat::parse_str(
            "(module (memory 1) (func
                (loop (loop (block (call 0))) (loop (nop)))
                (loop (if (i32.const 0) (then (nop)) (else (drop (memory.grow (i32.const 1))))))
                (loop (block (loop (br 0))))
                (loop (drop (i32.atomic.load (i32.const 0))))
                (loop (drop (memory.atomic.notify (i32.const 0) (i32.const 1))))
                (loop (try_table (catch_all 0) (nop)))
                (loop (try_table (catch_all 0) (loop (throw_ref (ref.null exn)))))))",
        )
        .unwrap();
        let body = Parser::new(0).parse_all(&wasm).find_map(|payload| match payload.unwrap() {
            Payload::CodeSectionEntry(body) => Some(body),
            _ => None,
        });
        let free = call_free_loops(&body.unwrap()).unwrap();
        let expected = [false, false, true, false, true, true, true, false, true, false, false];
        assert_eq!(free, expected);
    }
}
