//! Optimises the modules of a raw wheel with Binaryen's wasm-opt, as far as the line's browsers allow, and orders their
//! functions so that they compress well.
//!
//! What comes out is compared with what went in: it is valid, starts and links in the same way, and uses no proposal that it
//! may not. A module of which this is not so stays as it was, with a warning. Results are kept in the cache by content.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, anyhow, bail};
use serde::Serialize;

use super::request::BuildRequest;
use super::step_size::StepSize;
use crate::abi::ExceptionModel;
use crate::abi::proposals::{binaryen_features, introducible};
use crate::cache::Kind;
use crate::context::{Context, Network};
use crate::digest::Sha256Digest;
use crate::error::Result;
use crate::runtime::Runtime;
use crate::toolchain::wasm_opt::{self, WasmOpt};
use crate::wasm::block_cache;
use crate::wasm::code::Code;
use crate::wasm::dylink::Place;
use crate::wasm::function_order;
use crate::wasm::optimization::Optimization;
use crate::wasm::strip::{self, Strip};
use crate::wasm::{Export, Module, module};
use crate::wheel::{WheelContents, extension};

/// Changes with the order in which functions are written, for the cache's keys.
const ORDERING: u32 = 1;
/// Changes with the code of the cache of blocks, likewise.
const BLOCK_CACHE: u32 = 1;

/// What was done.
#[derive(Debug, Clone, Serialize)]
pub struct Optimized {
    /// For what.
    optimization: Optimization,
    /// The version of wasm-opt; none if nothing was to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    wasm_opt: Option<String>,
    /// Modules that could not be optimised, by their paths in the wheel of the back end.
    #[serde(rename = "not_optimized", skip_serializing_if = "Vec::is_empty")]
    unchanged: Vec<String>,
    /// How large the others were before, by their paths in the wheel of the back end.
    #[serde(skip)]
    pub(super) linked: BTreeMap<String, StepSize>,
}

/// How modules are optimised.
pub(super) struct Optimizer {
    optimization: Optimization,
    program: Option<WasmOpt>,
}

impl Optimizer {
    /// For what, as asked for by the user, an overlay or the profile, and with which program.
    ///
    /// # Errors
    /// When something was asked for and there is no program for it.
    pub(super) fn choose(
        context: &Context,
        request: &BuildRequest,
        by_overlay: Option<Optimization>,
    ) -> Result<Self> {
        let asked = request.optimization(&context.environment)?.or(by_overlay);
        let optimization = asked.unwrap_or(request.usual_optimization());
        if optimization == Optimization::None {
            return Ok(Self { optimization, program: None });
        }
        match (wasm_opt::find_or_install(context), asked) {
            (Ok(program), _) => Ok(Self { optimization, program: Some(program) }),
            (Err(error), Some(_)) => Err(error.context("modules cannot be optimized")),
            (Err(error), None) => {
                tell_once(context, &error);
                Ok(Self { optimization: Optimization::None, program: None })
            }
        }
    }

    /// Optimises each module of a raw wheel.
    ///
    /// # Errors
    /// When the folder for the program's files cannot be written, or the user interrupts.
    pub(super) fn run(
        &self,
        context: &Context,
        runtime: &Runtime,
        folder: &Path,
        strip: Strip,
        contents: &mut WheelContents,
    ) -> Result<Optimized> {
        let mut done = Optimized {
            optimization: self.optimization,
            wasm_opt: None,
            unchanged: Vec::new(),
            linked: BTreeMap::new(),
        };
        let Some(program) = &self.program else { return Ok(done) };
        done.wasm_opt = Some(program.version.clone());
        let released = runtime.facts.released.as_deref();
        let run = Run {
            context,
            program,
            optimization: self.optimization,
            exceptions: runtime.exceptions,
            released,
            folder,
        };
        let is_module = |path: &str, bytes: &[u8]| extension::parse(path).is_some() && module::is_wasm(bytes);
        for (path, bytes) in contents.files.iter_mut().filter(|(path, bytes)| is_module(path, bytes)) {
            match run.optimize(path, bytes) {
                Ok(optimized) => {
                    let before = StepSize::after("link", &strip::strip(bytes, strip)?);
                    done.linked.insert(path.clone(), before);
                    *bytes = optimized;
                }
                Err(error) if context.ui.is_interrupted() => return Err(error),
                Err(error) => {
                    context.ui.warn(format!("`{path}` is not optimized: {error:#}"));
                    done.unchanged.push(path.clone());
                }
            }
        }
        Ok(done)
    }
}

/// Tells that nothing is optimised: a build is as good as ever without, and one of many lines needs no more than one line.
fn tell_once(context: &Context, error: &anyhow::Error) {
    const TOLD: &str = "wasm-opt was missed";
    if context.has_failed(TOLD) {
        return;
    }
    context.note_failure(TOLD);
    let reason = if context.network == Network::Forbidden { ", and the network may not be used" } else { "" };
    context.ui.detail(format!("modules are not optimized: {error:#}{reason}"));
}

/// What is the same for all modules of a wheel.
struct Run<'a> {
    context: &'a Context,
    program: &'a WasmOpt,
    optimization: Optimization,
    exceptions: ExceptionModel,
    released: Option<&'a str>,
    folder: &'a Path,
}

impl Run<'_> {
    /// Whether modules keep small blocks of memory that they free.
    fn keeps_blocks(&self) -> bool {
        self.optimization == Optimization::Speed
    }

    fn optimize(&self, path: &str, linked: &[u8]) -> Result<Vec<u8>> {
        // Debug information keeps the program from many of its passes. Names are dropped later, if they are.
        let before = strip::strip(linked, Strip::DebugInfo)?;
        let code = Code::survey(&before).context("the linker wrote an invalid module")?;
        let used = code.proposals.keys().copied();
        let allowed: BTreeSet<&str> = used.chain(introducible(self.released)).collect();
        let options = self.options(&allowed, code.largest_function)?;
        let input = Sha256Digest::of(&before).to_string();
        let key = format!(
            "wasm-opt {}\n{}\nblocks kept: {}, {BLOCK_CACHE}\nfunctions ordered, {ORDERING}\n{input}",
            self.program.version,
            options.join(" "),
            self.keeps_blocks()
        );
        let key = Sha256Digest::of(key.as_bytes()).to_string();
        let cache = &self.context.cache;
        if let Some(kept) = cache.find_bytes(Kind::Finished, &key) {
            return Ok(kept);
        }
        let keeping = if self.keeps_blocks() { block_cache::add(&before)? } else { None };
        let after = self.call(path, keeping.as_ref().unwrap_or(&before), &options, &allowed)?;
        // A cache that cannot be written costs the next build some time.
        let _ = cache.keep_bytes(Kind::Finished, &key, &after);
        Ok(after)
    }

    /// What the program is told besides its files.
    fn options(&self, allowed: &BTreeSet<&str>, largest_function: usize) -> Result<Vec<String>> {
        let mut options = vec!["--mvp-features".to_owned()];
        for proposal in allowed {
            let features = binaryen_features(proposal).ok_or_else(|| {
                anyhow!("it uses {}, for which wasm-opt is not used", proposal.replace('_', "-"))
            })?;
            options.extend(features.iter().map(|feature| format!("--enable-{feature}")));
        }
        let passes = self.optimization.passes(self.exceptions, largest_function);
        options.extend(passes.into_iter().map(str::to_owned));
        options.push("-g".to_owned());
        Ok(options)
    }

    fn call(
        &self,
        path: &str,
        before: &[u8],
        options: &[String],
        allowed: &BTreeSet<&str>,
    ) -> Result<Vec<u8>> {
        let WasmOpt { version, .. } = self.program;
        let task = self.context.ui.task(format!("optimizing {path} with wasm-opt {version}"));
        fs_err::create_dir_all(self.folder)?;
        let name = Path::new(path).file_name().unwrap_or_default().to_string_lossy();
        // The file stays, so that the command of a warning can be tried.
        let (input, output) =
            (self.folder.join(format!("{name}.linked.wasm")), self.folder.join(format!("{name}.wasm")));
        fs_err::write(&input, before)?;
        let _ = fs_err::remove_file(&output);
        let invocation = self.program.invocation().arg(&input).args(options).arg("-o").arg(&output);
        let call = || -> Result<Vec<u8>> {
            invocation.output(&self.context.ui)?;
            let after = fs_err::read(&output).context("it wrote nothing")?;
            check(before, &after, allowed).context("what it wrote cannot be used")?;
            let ordered = function_order::by_similarity(&after)?;
            check(before, &ordered, allowed).context("its functions cannot be put in order")?;
            Ok(ordered)
        };
        let after =
            call().map_err(|error| anyhow!("{error:#}\n    the command was `{}`", invocation.copyable()));
        drop(task);
        let _ = fs_err::remove_file(&output);
        after
    }
}

/// Holds a module against the one that it was made from.
fn check(before: &[u8], after: &[u8], allowed: &BTreeSet<&str>) -> Result<()> {
    if !module::is_wasm(after) {
        bail!("it starts with {}", module::describe_start(after));
    }
    let proposals = Code::survey(after)?.proposals;
    let (before, after) = (Module::read(before)?, Module::read(after)?);
    if after.dylink != before.dylink
        || after.dylink.as_ref().is_none_or(|dylink| dylink.place != Place::First)
    {
        bail!("its section `dylink.0` is not what it was");
    }
    let exports = |module: &Module| -> BTreeSet<String> { module.exports.iter().map(describe).collect() };
    if let Some(changed) = exports(&before).symmetric_difference(&exports(&after)).next() {
        bail!("its exports are not what they were: {changed}");
    }
    if let Some((from, name, _)) = after.imports.iter().find(|import| !before.imports.contains(import)) {
        bail!("it imports `{name}` from `{from}`, which it did not");
    }
    if let Some(proposal) = proposals.keys().find(|proposal| !allowed.contains(*proposal)) {
        bail!("it uses {}, which it may not", proposal.replace('_', "-"));
    }
    Ok(())
}

fn describe(export: &Export) -> String {
    format!("`{}` {:?}", export.name, export.kind)
}
