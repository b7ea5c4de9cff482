//! From bytes to instructions.

use yaxpeax_arch::{Decoder as _, LengthedInstruction as _, U8Reader};
use yaxpeax_arm::armv8::a64;
use yaxpeax_x86::long_mode::{self, Opcode, Operand};

use super::{DisassembleError, Instruction};

/// Decodes code for `target` that begins at `start` in the text.
pub(super) fn decode(
    target: &str,
    code: &[u8],
    start: u32,
) -> Result<Vec<Instruction>, DisassembleError> {
    let one = match target.split('-').next() {
        Some("x86_64") => x86_64,
        Some("aarch64") => aarch64,
        _ => return Err(DisassembleError::Target(target.to_owned())),
    };
    let mut instructions = Vec::new();
    let (mut rest, mut offset) = (code, start);
    while !rest.is_empty() {
        let Decoded { length, text, distance } = one(rest);
        let (bytes, others) = rest.split_at(length.clamp(1, rest.len()));
        instructions.push(Instruction {
            offset,
            bytes: bytes.to_vec(),
            text: match distance.and_then(|distance| offset.checked_add_signed(distance)) {
                Some(target) => format!("{text} {target:#x}"),
                None => text,
            },
            target: distance.and_then(|distance| offset.checked_add_signed(distance)),
            target_symbol: None,
            is_target: false,
            trap: None,
            operator: None,
        });
        rest = others;
        offset += u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    }
    Ok(instructions)
}

/// An instruction; what it branches to is not in the text.
struct Decoded {
    length: usize,
    text: String,
    /// Bytes from the instruction's start to what it branches to.
    distance: Option<i32>,
}

fn x86_64(code: &[u8]) -> Decoded {
    let Ok(instruction) = long_mode::InstDecoder::default().decode(&mut U8Reader::new(code)) else {
        return Decoded { length: 1, text: format!(".byte {:#04x}", code[0]), distance: None };
    };
    let length = usize::try_from(instruction.len().to_const()).unwrap_or(1);
    let opcode = instruction.opcode();
    let branches = opcode.is_jcc() || matches!(opcode, Opcode::JMP | Opcode::CALL);
    let relative = match instruction.operand(0) {
        Operand::ImmediateI8 { imm } => Some(i32::from(imm)),
        Operand::ImmediateI32 { imm } => Some(imm),
        _ => None,
    };
    let behind = i32::try_from(length).unwrap_or(0);
    match relative.filter(|_| branches).and_then(|relative| relative.checked_add(behind)) {
        Some(distance) => Decoded { length, text: opcode.to_string(), distance: Some(distance) },
        None => Decoded { length, text: instruction.to_string(), distance: None },
    }
}

fn aarch64(code: &[u8]) -> Decoded {
    const LENGTH: usize = 4;
    let Ok(instruction) = a64::InstDecoder::default().decode(&mut U8Reader::new(code)) else {
        let word = code.first_chunk().map_or(0, |word| u32::from_le_bytes(*word));
        return Decoded { length: LENGTH, text: format!(".word {word:#010x}"), distance: None };
    };
    let branches = matches!(
        instruction.opcode,
        a64::Opcode::B
            | a64::Opcode::BL
            | a64::Opcode::Bcc(_)
            | a64::Opcode::CBZ
            | a64::Opcode::CBNZ
            | a64::Opcode::TBZ
            | a64::Opcode::TBNZ
    );
    let relative = instruction.operands.iter().find_map(|operand| match operand {
        a64::Operand::PCOffset(offset) => i32::try_from(*offset).ok(),
        _ => None,
    });
    match relative.filter(|_| branches) {
        Some(distance) => {
            // The distance is the last operand.
            let text = instruction.to_string();
            let text = text.rsplit_once([' ', ',']).map_or(&*text, |(before, _)| before).trim();
            Decoded { length: LENGTH, text: text.to_owned(), distance: Some(distance) }
        }
        None => Decoded { length: LENGTH, text: instruction.to_string(), distance: None },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(target: &str, code: &[u8]) -> Vec<(String, Option<u32>)> {
        let decoded = decode(target, code, 0x100).unwrap();
        decoded.into_iter().map(|one| (one.text, one.target)).collect()
    }

    #[test]
    fn branches_say_where_they_go() {
        let code = [0x74, 0x02, 0xeb, 0xfc, 0xe8, 0x10, 0, 0, 0, 0x0f, 0x0b, 0xff];
        let shown = shown("x86_64-unknown-linux-gnu", &code);
        assert_eq!(shown[0], ("jz 0x104".to_owned(), Some(0x104)));
        assert_eq!(shown[1], ("jmp 0x100".to_owned(), Some(0x100)));
        assert_eq!(shown[2], ("call 0x119".to_owned(), Some(0x119)));
        assert_eq!(shown[3], ("ud2".to_owned(), None));
        assert_eq!(shown[4], (".byte 0xff".to_owned(), None));
    }

    #[test]
    fn arm_branches_say_where_they_go() {
        // b .+8; cbz w0, .-4; bl .+0; ret; udf #0
        let words = [0x1400_0002_u32, 0x34ff_ffe0, 0x9400_0000, 0xd65f_03c0];
        let code: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let shown = shown("aarch64-unknown-linux-gnu", &code);
        assert_eq!(shown[0], ("b 0x108".to_owned(), Some(0x108)));
        assert_eq!(shown[1].1, Some(0x100), "{shown:?}");
        assert!(shown[1].0.starts_with("cbz w0") && shown[1].0.ends_with(" 0x100"), "{shown:?}");
        assert_eq!(shown[2], ("bl 0x108".to_owned(), Some(0x108)));
        assert_eq!(shown[3].1, None);
    }
}
