//! The compiler from outside: expected code, objects, and input that is not what it should be.

mod disas;
mod golden;
mod limits;
mod objects;
mod robust;
mod slow;
