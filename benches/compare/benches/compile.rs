//! compile
fn main() {}
