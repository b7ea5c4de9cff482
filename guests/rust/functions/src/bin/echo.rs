//! Output: the input. With input `fail CODE TEXT`, fails with this code and text.

faasm::main!(echo);

fn echo() -> faasm::Result<Vec<u8>> {
    let input = faasm::input();
    if let Some((code, text)) = failure(&input) {
        return Err(faasm::Error::with_code(code, text));
    }
    Ok(input)
}

fn failure(input: &[u8]) -> Option<(i32, &str)> {
    let (code, text) = std::str::from_utf8(input).ok()?.strip_prefix("fail ")?.split_once(' ')?;
    Some((code.parse().ok()?, text))
}
