//! `bench`: how fast a package is in Pyodide, beside other wheels of it and this machine.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::bail;
use cargo_pyodide::bench::report::{BenchReport, Benchmark};
use cargo_pyodide::bench::statistics::Ratio;
use cargo_pyodide::bench::{self, BenchRequest, MeasuredPackage, NativeSide, StartUpTime};
use cargo_pyodide::context::Context;
use cargo_pyodide::error::Result;
use cargo_pyodide::releases::request::{RuntimeList, runtimes};
use cargo_pyodide::run::session::Place;
use cargo_pyodide::source;
use clap::Args;

use crate::commands::Session;
use crate::options::{CargoOptions, NetworkOptions, OverlayOptions, VerbosityOptions};
use crate::terminal::Terminal;

const AFTER_HELP: &str = "\
Examples:
  cargo pyodide bench dist/x-1.0-*.whl bench.py --against old/x-1.0-cp314-*.whl
  cargo pyodide bench x==1.0 bench.py --native        how fast it is beside this machine
  cargo pyodide bench . bench.py --only parse --rounds 20
  cargo pyodide bench dist/x-1.0-*.whl --startup --in page

The script is Python with functions `bench_*`, without parameters: each is measured. Every round starts a fresh
interpreter for each side, one after the other. Results are medians with the median absolute deviation; ratios are those
of rounds: the middle one, the worst and the best. `1.10 x` means that the package is 1.1 times as fast.

Exit codes:
  0  everything was measured
  2  it could not be measured";

/// Measure how fast a package is in Pyodide
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct BenchArguments {
    /// A wheel, a folder, an sdist, NAME, NAME==VERSION or git+URL@REV
    #[arg(value_name = "WHEEL|SOURCE")]
    package: String,
    /// The script with the functions that are measured
    #[arg(value_name = "SCRIPT")]
    script: Option<PathBuf>,
    /// The Pyodide release or line, or the folder of one [default: the newest stable line]
    #[arg(long, value_name = "VERSION")]
    pyodide: Option<RuntimeList>,
    /// A wheel that is measured too; repeatable
    #[arg(long, value_name = "WHEEL")]
    against: Vec<PathBuf>,
    /// Also build the source for this machine, and measure it there
    #[arg(long)]
    native: bool,
    /// Also measure the time from `loadPackage` until the package is imported
    #[arg(long)]
    startup: bool,
    /// Where Pyodide runs
    #[arg(long = "in", value_enum, value_name = "PLACE", default_value_t = Place::Node)]
    place: Place,
    /// Measure only the functions whose names hold this; repeatable
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// How many interpreters each side gets
    #[arg(long, value_name = "NUMBER", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// How many values each interpreter gives, after one that warms it up
    #[arg(long, value_name = "NUMBER", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    values: u32,
    /// Milliseconds that the calls of one value take at least
    #[arg(long, value_name = "MS", default_value_t = 100)]
    min_time: u64,
    /// A wheel that is installed with it; repeatable
    #[arg(long = "with", value_name = "WHEEL")]
    wheels: Vec<PathBuf>,
    /// A folder with packages of the Pyodide release, asked before its content delivery network
    #[arg(long, value_name = "FOLDER")]
    packages_dir: Option<PathBuf>,
    #[command(flatten)]
    cargo: CargoOptions,
    #[command(flatten)]
    overlays: OverlayOptions,
    #[command(flatten)]
    network: NetworkOptions,
    /// Print one JSON document with all values
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    verbosity: VerbosityOptions,
}

impl BenchArguments {
    fn request(&self, package: MeasuredPackage) -> BenchRequest {
        BenchRequest {
            only: self.only.clone(),
            start_up: if self.startup { StartUpTime::Measured } else { StartUpTime::Skipped },
            against: self.against.clone(),
            native: if self.native { NativeSide::Measured } else { NativeSide::Skipped },
            wheels: self.wheels.clone(),
            packages_dir: self.packages_dir.clone(),
            place: self.place,
            rounds: self.rounds,
            values: self.values,
            min_time: Duration::from_millis(self.min_time),
            cargo: self.cargo.request(),
            overlays: self.overlays.request(),
            ..BenchRequest::new(package, self.script.clone())
        }
    }
}

/// Runs the command.
pub(crate) fn run(session: &Session, arguments: &BenchArguments) -> Result<u8> {
    let terminal = arguments.verbosity.terminal();
    let context = session.context(&terminal, arguments.cargo.network(&arguments.network));
    let requests: Vec<RuntimeList> = arguments.pyodide.iter().cloned().collect();
    let runtimes = runtimes(&context, &requests)?;
    let [runtime] = &runtimes[..] else {
        bail!("a package is measured in one Pyodide release, but {} were named", runtimes.len());
    };
    let request = arguments.request(find_package(&context, &arguments.package)?);
    let report = bench::run(&context, &request, runtime)?;
    if arguments.json {
        terminal.json(&report)?;
    } else {
        print_report(&terminal, &report)?;
    }
    Ok(0)
}

fn find_package(context: &Context, named: &str) -> Result<MeasuredPackage> {
    if named.ends_with(".whl") {
        return Ok(MeasuredPackage::Wheel(named.into()));
    }
    source::find(&named.parse()?, context).map(MeasuredPackage::Source)
}

fn print_report(terminal: &Terminal, report: &BenchReport) -> Result<()> {
    let head = ["benchmark", "median", "spread", "package beside it", "of"].map(str::to_owned);
    let rows = report.benchmarks.iter().flat_map(|benchmark| rows_of(report, benchmark));
    let overall = report.overall();
    let overall = overall.iter().map(|(side, ratio)| {
        let name = &report.sides[*side].name;
        let functions = format!("median of {}", report.benchmarks.len());
        [functions, String::new(), String::new(), format!("{ratio:.2} x"), name.clone()]
    });
    terminal.table(&std::iter::once(head).chain(rows).chain(overall).collect::<Vec<_>>())?;
    Ok(())
}

/// One row a side.
fn rows_of<'a>(report: &'a BenchReport, benchmark: &'a Benchmark) -> impl Iterator<Item = [String; 5]> + 'a {
    benchmark.results.iter().zip(&report.sides).filter_map(|(result, side)| {
        let summary = result.summary?;
        let spread = format!("± {:.1} %", 100.0 * summary.deviation / summary.median);
        let beside = result.ratio.as_ref().map(describe_ratio).unwrap_or_default();
        Some([benchmark.name.clone(), describe_time(summary.median), spread, beside, side.name.clone()])
    })
}

fn describe_ratio(ratio: &Ratio) -> String {
    let Ratio { median, lowest, highest } = ratio;
    let doubt = if ratio.is_clear() { "" } else { ", not clear" };
    format!("{median:.2} x ({lowest:.2} to {highest:.2}{doubt})")
}

/// Seconds in the unit that fits.
fn describe_time(seconds: f64) -> String {
    let units = [(1.0, "s"), (1e-3, "ms"), (1e-6, "us")];
    let (unit, name) = units.into_iter().find(|(unit, _)| seconds >= *unit).unwrap_or((1e-9, "ns"));
    let value = seconds / unit;
    // Three digits count.
    let digits = if value >= 100.0 { 0 } else { usize::from(value < 10.0) + 1 };
    format!("{value:.digits$} {name}")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        bench: BenchArguments,
    }

    fn parse(words: &str) -> Result<BenchRequest, clap::Error> {
        let line = Line::try_parse_from(std::iter::once("x").chain(words.split_whitespace()))?;
        Ok(line.bench.request(MeasuredPackage::Wheel("a.whl".into())))
    }

    #[test]
    fn options_reach_the_request() {
        let usual = BenchRequest::new(MeasuredPackage::Wheel("a.whl".into()), Some("b.py".into()));
        assert_eq!(format!("{:?}", parse("a.whl b.py").unwrap()), format!("{usual:?}"));
        let request = parse(
            "a.whl b.py --against c.whl --native --startup --in worker --only d --rounds 2 --values 4 \
             --min-time 5 --with e.whl --packages-dir p",
        );
        let request = request.unwrap();
        assert_eq!((request.native, request.start_up), (NativeSide::Measured, StartUpTime::Measured));
        assert_eq!((request.rounds, request.values, request.place), (2, 4, Place::Worker));
        assert_eq!((request.min_time, &request.only[..]), (Duration::from_millis(5), &["d".to_owned()][..]));
        assert_eq!((request.against, request.wheels), (vec!["c.whl".into()], vec!["e.whl".into()]));
        assert!(parse("a.whl b.py --rounds 0").is_err());
        assert!(parse("").is_err());
    }

    #[test]
    fn times_have_three_digits_and_a_unit() {
        let times = [12.34, 1.0, 0.1234, 0.001_234, 0.000_012_34, 1.2e-7];
        assert_eq!(
            times.map(describe_time).join(" | "),
            "12.3 s | 1.00 s | 123 ms | 1.23 ms | 12.3 us | 120 ns"
        );
    }

    #[test]
    fn a_ratio_that_rounds_disagree_on_is_not_clear() {
        let check = |lowest, highest| describe_ratio(&Ratio { median: 1.1, lowest, highest });
        assert_eq!(check(1.05, 1.2), "1.10 x (1.05 to 1.20)");
        assert_eq!(check(0.95, 1.2), "1.10 x (0.95 to 1.20, not clear)");
    }
}
