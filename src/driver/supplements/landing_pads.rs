//! What the JavaScript exception model of Pyodide 0.21 to 0.23 lacks. Compiled for the target and linked first.
//!
//! Rust's landing pads ask which of two clauses a thrown object fits: its own type, or anything. The runtime's supplement for
//! no clause at all says of which type the object is, and a type is its own identity here.

#![no_std]
#![allow(non_snake_case, reason = "names of Emscripten's")]

extern "C" {
    fn __cxa_find_matching_catch_2() -> *mut u8;
}

/// The landing pad with two clauses: says the thrown object, and leaves its type in the second result register.
///
/// # Safety
/// Called by landing pads only.
#[no_mangle]
pub unsafe extern "C" fn __cxa_find_matching_catch_4(_: *mut u8, _: *mut u8) -> *mut u8 {
    __cxa_find_matching_catch_2()
}

/// The number of a type, which landing pads compare with the second result register: the type itself.
#[no_mangle]
pub extern "C" fn llvm_eh_typeid_for(kind: i32) -> i32 {
    kind
}
