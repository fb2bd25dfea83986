//! Measures how fast a package is: a script's functions in fresh interpreters, beside other wheels and this machine.
//!
//! The sides take turns, round by round, so that what else the machine does meets all of them. Conventions are pyperf's
//! (<https://pyperf.readthedocs.io>): loops, warm-ups, values, medians. Timing is reported and never judged.

mod measure;
pub mod report;
pub mod request;
pub mod statistics;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, anyhow, bail};

pub use request::{BenchRequest, MeasuredPackage, NativeSide, StartUpTime};

use crate::backend::environment;
use crate::building::{self, BuildRequest};
use crate::context::Context;
use crate::dependencies::wheels::{self, Purpose, WheelSources};
use crate::error::{Result, hinted};
use crate::run::check_release;
use crate::runtime::Runtime;
use crate::testing::native;
use crate::wheel::OpenedWheel;
use measure::{BenchScript, Contender, InterpreterRun, Measuring};
use report::{BenchReport, Benchmark, MeasuredSide};

/// Measures a package.
///
/// # Errors
/// When the package does not build, a wheel is not for the release, or the script fails.
pub fn run(context: &Context, request: &BenchRequest, runtime: &Runtime) -> Result<BenchReport> {
    let script = read_script(request)?;
    let work = tempfile::tempdir().context("cannot make a temporary folder")?;
    let subjects = find_subjects(context, request, runtime, work.path())?;
    let measuring = Measuring { context, runtime, request, script: &script };
    let runs = alternate(&measuring, &subjects)?;
    let mut names: Vec<&str> = Vec::new();
    for one in runs.iter().flatten().flat_map(|run| &run.benchmarks) {
        if !names.contains(&one.name.as_str()) {
            names.push(&one.name);
        }
    }
    let sides = subjects.iter().zip(&runs).map(|(subject, runs)| MeasuredSide {
        name: subject.name().to_owned(),
        python: runs.first().map(|run| run.python.clone()).unwrap_or_default(),
    });
    Ok(BenchReport {
        pyodide: runtime.version.to_string(),
        place: request.place,
        rounds: request.rounds,
        sides: sides.collect(),
        benchmarks: names.into_iter().map(|name| Benchmark::of(name, &runs)).collect(),
    })
}

fn read_script(request: &BenchRequest) -> Result<BenchScript> {
    let Some(path) = &request.script else {
        if request.start_up == StartUpTime::Skipped {
            return Err(hinted(
                anyhow!("there is nothing to measure: no script was named"),
                "name a script with functions `bench_*`, or measure the start-up with `--startup`",
            ));
        }
        return Ok(BenchScript { name: String::new(), source: None });
    };
    Ok(BenchScript { name: path.display().to_string(), source: Some(fs_err::read_to_string(path)?) })
}

/// Measures all sides in turn. Each round begins with another one: none is always the first.
fn alternate(measuring: &Measuring<'_>, subjects: &[Contender]) -> Result<Vec<Vec<InterpreterRun>>> {
    let Measuring { context, request, .. } = measuring;
    let mut loops: BTreeMap<String, u64> = BTreeMap::new();
    let mut runs: Vec<Vec<InterpreterRun>> = subjects.iter().map(|_| Vec::new()).collect();
    let task = context.ui.task("measuring");
    let whole = u64::from(request.rounds) * subjects.len() as u64;
    let mut done = 0;
    for round in 0..request.rounds as usize {
        for turn in 0..subjects.len() {
            let side = (round + turn) % subjects.len();
            task.say(subjects[side].name());
            task.count(done, whole);
            let run = measuring.run(&subjects[side], &loops)?;
            // Calibrated once: a value is the mean of as many calls everywhere.
            loops.extend(run.benchmarks.iter().map(|one| (one.name.clone(), one.loops)));
            runs[side].push(run);
            done += 1;
        }
    }
    Ok(runs)
}

/// Everything that is measured: the package first. Wheels that are built go into the folder `work`.
fn find_subjects(
    context: &Context,
    request: &BenchRequest,
    runtime: &Runtime,
    work: &Path,
) -> Result<Vec<Contender>> {
    let (path, name) = match &request.package {
        MeasuredPackage::Wheel(path) => (path.clone(), path.display().to_string()),
        MeasuredPackage::Source(source) => {
            let build = BuildRequest {
                cargo: request.cargo.clone(),
                overlays: request.overlays.clone(),
                ..BuildRequest::new(source.clone(), work)
            };
            let built = building::build(&build, runtime, context)?.accept()?;
            (built.wheel.path().to_owned(), built.wheel.filename().to_string())
        }
    };
    let mut subjects = vec![of_wheel(context, request, runtime, &path, name)?];
    for path in &request.against {
        subjects.push(of_wheel(context, request, runtime, path, path.display().to_string())?);
    }
    if request.native == NativeSide::Measured {
        let MeasuredPackage::Source(source) = &request.package else {
            bail!("`--native` builds the same source for this machine: name a source, not a wheel");
        };
        let wheel = OpenedWheel::open(&path)?;
        let mut requires = native::requirements_of(context, &wheel, &[])?;
        requires.push("pip".to_owned());
        let python = environment::prepare(context, &requires)?.python();
        let site = work.join("site");
        native::install(context, source, &wheel, &python, &site)?;
        subjects.push(Contender::Native { python, site });
    }
    Ok(subjects)
}

/// A wheel with what it requires.
fn of_wheel(
    context: &Context,
    request: &BenchRequest,
    runtime: &Runtime,
    path: &Path,
    name: String,
) -> Result<Contender> {
    let wheel = OpenedWheel::open(path)?;
    check_release(runtime, wheel.path(), wheel.filename())?;
    let own = format!("{}=={}", wheel.metadata().name, wheel.metadata().version);
    let imports = wheel.importable_names();
    let mut at_hand = vec![wheel];
    for path in &request.wheels {
        at_hand.push(OpenedWheel::open(path)?);
    }
    let packages = request.packages_dir.as_deref();
    let sources = WheelSources { runtime, wheels: &at_hand, packages, purpose: Purpose::Script };
    let mut files = wheels::find(context, sources, &[own])?;
    // What a wheel requires comes before it, as for tests.
    files.wheels.extend(at_hand.iter().skip(1).chain(&at_hand[..1]).map(|wheel| wheel.path().to_owned()));
    Ok(Contender::Wheels { name, files, imports })
}
