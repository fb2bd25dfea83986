//! Widens times for Pyodide 0.21, whose C library counts seconds in 32 bits. Compiled for the target and linked first.
//!
//! Rust's `libc` describes `timespec` and `timeval` with 64-bit seconds. Each function here stands before the runtime's
//! own of the same name and converts; all others take no times, or take them in structures that agree.
//!
//! The headers for C have 32 bits, as the runtime: C calls the runtime's functions by names of their own, which
//! `narrow_time.h` gives it.

#![no_std]
#![allow(missing_docs, clippy::missing_safety_doc, reason = "the C library's own functions")]

/// As Rust has it: `timespec` and `timeval` alike.
#[repr(C)]
pub struct Wide {
    seconds: i64,
    fraction: i32,
}

/// As the runtime has it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Narrow {
    seconds: i32,
    fraction: i32,
}

mod runtime {
    use super::Narrow;

    #[link(wasm_import_module = "env")]
    extern "C" {
        pub fn clock_gettime(clock: i32, time: *mut Narrow) -> i32;
        pub fn clock_getres(clock: i32, time: *mut Narrow) -> i32;
        pub fn gettimeofday(time: *mut Narrow, zone: *mut u8) -> i32;
        pub fn nanosleep(wanted: *const Narrow, left: *mut Narrow) -> i32;
        pub fn futimens(file: i32, times: *const Narrow) -> i32;
        pub fn utimensat(folder: i32, path: *const u8, times: *const Narrow, flags: i32) -> i32;
        pub fn utimes(path: *const u8, times: *const Narrow) -> i32;
        pub fn pthread_cond_timedwait(condition: *mut u8, mutex: *mut u8, until: *const Narrow) -> i32;
    }
}

const ZERO: Narrow = Narrow { seconds: 0, fraction: 0 };

unsafe fn widen(from: Narrow, to: *mut Wide) {
    if !to.is_null() {
        *to = Wide { seconds: i64::from(from.seconds), fraction: from.fraction };
    }
}

/// A time that the runtime cannot count becomes the last one that it can.
unsafe fn narrow(from: *const Wide) -> Narrow {
    let seconds = (*from).seconds.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32;
    Narrow { seconds, fraction: (*from).fraction }
}

/// Two times, or none.
unsafe fn narrow_pair(from: *const Wide, to: &mut [Narrow; 2]) -> *const Narrow {
    if from.is_null() {
        return core::ptr::null();
    }
    *to = [narrow(from), narrow(from.add(1))];
    to.as_ptr()
}

#[no_mangle]
pub unsafe extern "C" fn clock_gettime(clock: i32, time: *mut Wide) -> i32 {
    let mut own = ZERO;
    let status = runtime::clock_gettime(clock, &mut own);
    widen(own, time);
    status
}

#[no_mangle]
pub unsafe extern "C" fn clock_getres(clock: i32, time: *mut Wide) -> i32 {
    let mut own = ZERO;
    let status = runtime::clock_getres(clock, &mut own);
    widen(own, time);
    status
}

#[no_mangle]
pub unsafe extern "C" fn gettimeofday(time: *mut Wide, zone: *mut u8) -> i32 {
    let mut own = ZERO;
    let status = runtime::gettimeofday(&mut own, zone);
    widen(own, time);
    status
}

#[no_mangle]
pub unsafe extern "C" fn nanosleep(wanted: *const Wide, left: *mut Wide) -> i32 {
    let mut own = ZERO;
    let status = runtime::nanosleep(&narrow(wanted), &mut own);
    widen(own, left);
    status
}

#[no_mangle]
pub unsafe extern "C" fn futimens(file: i32, times: *const Wide) -> i32 {
    let mut own = [ZERO; 2];
    runtime::futimens(file, narrow_pair(times, &mut own))
}

#[no_mangle]
pub unsafe extern "C" fn utimensat(folder: i32, path: *const u8, times: *const Wide, flags: i32) -> i32 {
    let mut own = [ZERO; 2];
    runtime::utimensat(folder, path, narrow_pair(times, &mut own), flags)
}

#[no_mangle]
pub unsafe extern "C" fn utimes(path: *const u8, times: *const Wide) -> i32 {
    let mut own = [ZERO; 2];
    runtime::utimes(path, narrow_pair(times, &mut own))
}

#[no_mangle]
pub unsafe extern "C" fn pthread_cond_timedwait(condition: *mut u8, mutex: *mut u8, until: *const Wide) -> i32 {
    runtime::pthread_cond_timedwait(condition, mutex, &narrow(until))
}

#[no_mangle]
pub unsafe extern "C" fn cargo_pyodide_narrow_clock_gettime(clock: i32, time: *mut Narrow) -> i32 {
    runtime::clock_gettime(clock, time)
}

#[no_mangle]
pub unsafe extern "C" fn cargo_pyodide_narrow_clock_getres(clock: i32, time: *mut Narrow) -> i32 {
    runtime::clock_getres(clock, time)
}

#[no_mangle]
pub unsafe extern "C" fn cargo_pyodide_narrow_gettimeofday(time: *mut Narrow, zone: *mut u8) -> i32 {
    runtime::gettimeofday(time, zone)
}

#[no_mangle]
pub unsafe extern "C" fn cargo_pyodide_narrow_nanosleep(wanted: *const Narrow, left: *mut Narrow) -> i32 {
    runtime::nanosleep(wanted, left)
}

#[no_mangle]
pub unsafe extern "C" fn cargo_pyodide_narrow_futimens(file: i32, times: *const Narrow) -> i32 {
    runtime::futimens(file, times)
}

#[no_mangle]
pub unsafe extern "C" fn cargo_pyodide_narrow_utimensat(
    folder: i32,
    path: *const u8,
    times: *const Narrow,
    flags: i32,
) -> i32 {
    runtime::utimensat(folder, path, times, flags)
}

#[no_mangle]
pub unsafe extern "C" fn cargo_pyodide_narrow_utimes(path: *const u8, times: *const Narrow) -> i32 {
    runtime::utimes(path, times)
}

#[no_mangle]
pub unsafe extern "C" fn cargo_pyodide_narrow_pthread_cond_timedwait(
    condition: *mut u8,
    mutex: *mut u8,
    until: *const Narrow,
) -> i32 {
    runtime::pthread_cond_timedwait(condition, mutex, until)
}
