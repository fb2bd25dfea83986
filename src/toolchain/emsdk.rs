//! A real Emscripten of the user's, which may compile C in the place of clang, and whose headers may be used.

use std::path::PathBuf;

use anyhow::anyhow;

use super::c_headers;
use crate::abi::EmscriptenVersion;
use crate::context::Context;
use crate::error::{Result, hinted};
use crate::process::{Invocation, look_up};

/// The folder with `emcc`, `em++` and `emar` of the user's Emscripten: that of `EMSDK`, or the first on the `PATH`.
///
/// # Errors
/// When there is none, or its C library is laid out otherwise than the line's.
pub(crate) fn find(context: &Context, line: EmscriptenVersion) -> Result<PathBuf> {
    let advice =
        format!("install it (`emsdk install {line}`, `emsdk activate {line}`), or leave `--c-toolchain` out");
    let own = c_headers::emscripten_folder(&context.environment).map(|folder| folder.join("emcc"));
    let emcc = own
        .filter(|path| path.is_file())
        .or_else(|| look_up(&context.environment, "emcc"))
        .ok_or_else(|| {
            hinted(
                anyhow!("no `emcc` for `--c-toolchain emsdk`: looked in `EMSDK` and on the `PATH`"),
                &advice,
            )
        })?;
    let printed = Invocation::new(&emcc).arg("-dumpversion").output(&context.ui)?.stdout;
    let found: EmscriptenVersion = printed.trim().parse()?;
    if !c_headers::are_laid_out_alike(found, line)? {
        return Err(hinted(
            anyhow!(
                "`{}` is Emscripten {found}, whose C library is laid out otherwise than that of Emscripten {line}",
                emcc.display()
            ),
            advice,
        ));
    }
    if found != line {
        context.ui.warn(format!("`{}` is Emscripten {found}, the release has {line}", emcc.display()));
    }
    Ok(emcc.parent().unwrap_or(&emcc).to_owned())
}
