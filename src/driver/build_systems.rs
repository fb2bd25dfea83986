//! Runs CMake, a configure script or make for a line, as build scripts ask of Emscripten: `emcmake cmake …`,
//! `emconfigure ./configure …`, `emmake make …`.
//!
//! They need to know what to compile with. To find out what the C library has they link programs, which `program` does.

use std::path::PathBuf;

use anyhow::{Context as _, anyhow, bail};

use crate::env::Environment;
use crate::error::{Result, hinted, with_cause};
use crate::files::{remove_folder, write_if_changed};
use crate::plan::DriverPlan;
use crate::process::{Invocation, exit_code, look_up};

/// What CMake reads first, and what it reads of the platform.
const CMAKE_FILES: [(&str, &str); 2] = [
    ("toolchain.cmake", include_str!("cmake/toolchain.cmake")),
    ("Platform/Emscripten.cmake", include_str!("cmake/Platform/Emscripten.cmake")),
];

/// What a configure script and make take from the environment.
const PROGRAMS: [(&str, &str); 5] =
    [("CC", "emcc"), ("CXX", "em++"), ("AR", "emar"), ("RANLIB", "emranlib"), ("LD", "emcc")];

/// How CMake is told what it compiles for.
const SYSTEM_NAME: &str = "-DCMAKE_SYSTEM_NAME=";

/// Runs a program of a build system.
///
/// # Errors
/// When none is named, it is not there, or it cannot be started.
pub(super) fn run(
    plan: &DriverPlan,
    name: &str,
    arguments: &[String],
    environment: &Environment,
) -> Result<u8> {
    let Some((program, rest)) = arguments.split_first() else {
        bail!("`{name}` was called without a program to run");
    };
    if !program.contains(['/', '\\']) && look_up(environment, program).is_none() {
        return Err(hinted(
            with_cause(
                "no-cmake",
                anyhow!("no `{program}` on the `PATH`: a build script runs it to build C or C++"),
            ),
            format!("install it (Debian: `apt-get install {program}`)"),
        ));
    }
    // The program is the machine's own: only the compilers that it calls are ours.
    let mut command = Invocation::new(program);
    if name == "emcmake" {
        if !rest.iter().any(|argument| argument.starts_with("-DCMAKE_TOOLCHAIN_FILE")) {
            command = command.arg(format!("-DCMAKE_TOOLCHAIN_FILE={}", toolchain_file(plan)?.display()));
            forget_other_compiler(rest)?;
        }
    } else {
        command = PROGRAMS.into_iter().fold(command, |command, (name, value)| command.env(name, value));
        // Binutils' cannot read WebAssembly, and a configure script would take it.
        if let Some(nm) = look_up(environment, "llvm-nm") {
            command = command.env("NM", nm);
        }
    }
    let command = command.args(rest.iter().map(|argument| match argument.strip_prefix(SYSTEM_NAME) {
        // As Emscripten's own, whatever the crate `cmake` makes of the target's name: projects ask for it.
        Some(_) => format!("{SYSTEM_NAME}Emscripten"),
        None => argument.clone(),
    }));
    plan.log(&format!("{name} {}", command.copyable()))?;
    command.run_through().map(exit_code)
}

/// Removes what CMake remembers of a build with a driver in another folder: it would start anew without being told of the
/// toolchain once more.
fn forget_other_compiler(arguments: &[String]) -> Result<()> {
    let named = arguments.iter().position(|argument| argument == "-B").and_then(|at| arguments.get(at + 1));
    let folder = PathBuf::from(named.map_or(".", String::as_str));
    let remembered = folder.join("CMakeCache.txt");
    let executable = std::env::current_exe().context("cannot find our own executable")?;
    let drivers = executable.parent().unwrap_or(&executable).to_string_lossy();
    if fs_err::read_to_string(&remembered).is_ok_and(|text| !text.contains(&*drivers)) {
        fs_err::remove_file(&remembered)?;
        remove_folder(&folder.join("CMakeFiles"))?;
    }
    Ok(())
}

/// Puts CMake's files beside the plan's log.
fn toolchain_file(plan: &DriverPlan) -> Result<PathBuf> {
    let folder = plan.log.with_file_name("cmake");
    for (name, content) in CMAKE_FILES {
        let path = folder.join(name);
        fs_err::create_dir_all(path.parent().unwrap_or(&folder))?;
        write_if_changed(&path, content)?;
    }
    Ok(folder.join(CMAKE_FILES[0].0))
}
