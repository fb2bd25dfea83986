//! What starting a thread answers where the runtime's own answer is misleading. Compiled for the target and linked first.
//!
//! Up to 0.29 `pthread_create` returns EAGAIN, as if there were too many threads for now: rayon then gives up for good. The
//! truth is that there are none, which is ENOTSUP: rayon goes on with the thread that it has.

#![no_std]

/// `ENOTSUP` of Emscripten's C library.
const NOT_SUPPORTED: i32 = 138;

/// Starts no thread.
#[no_mangle]
pub extern "C" fn pthread_create(_: *mut u8, _: *const u8, _: *const u8, _: *mut u8) -> i32 {
    NOT_SUPPORTED
}
