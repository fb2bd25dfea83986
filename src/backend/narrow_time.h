/* C counts seconds as Pyodide 0.21 does, Rust in 64 bits: each calls functions of its own.
   src/driver/supplements/narrow_time.rs defines these, and those that Rust calls. */
#pragma redefine_extname clock_gettime cargo_pyodide_narrow_clock_gettime
#pragma redefine_extname clock_getres cargo_pyodide_narrow_clock_getres
#pragma redefine_extname gettimeofday cargo_pyodide_narrow_gettimeofday
#pragma redefine_extname nanosleep cargo_pyodide_narrow_nanosleep
#pragma redefine_extname futimens cargo_pyodide_narrow_futimens
#pragma redefine_extname utimensat cargo_pyodide_narrow_utimensat
#pragma redefine_extname utimes cargo_pyodide_narrow_utimes
#pragma redefine_extname pthread_cond_timedwait cargo_pyodide_narrow_pthread_cond_timedwait
