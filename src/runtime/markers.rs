//! The environment markers of a release (PEP 508).

use pep508_rs::{MarkerEnvironment, MarkerEnvironmentBuilder};

use super::Runtime;

/// The markers of a release, as `packaging.markers.default_environment()` gives them inside it.
///
/// # Panics
/// Never: the versions were parsed before.
pub(crate) fn of(runtime: &Runtime) -> MarkerEnvironment {
    let python = runtime.python.to_string();
    let full = runtime.python_release.to_string();
    let emscripten = runtime.emscripten.to_string();
    let built = MarkerEnvironmentBuilder {
        implementation_name: "cpython",
        implementation_version: &full,
        os_name: "posix",
        platform_machine: "wasm32",
        platform_python_implementation: "CPython",
        platform_release: &emscripten,
        platform_system: "Emscripten",
        platform_version: "#1",
        python_full_version: &full,
        python_version: &python,
        sys_platform: "emscripten",
    };
    MarkerEnvironment::try_from(built).expect("the versions were parsed before")
}
