//! birth
fn main() {}
