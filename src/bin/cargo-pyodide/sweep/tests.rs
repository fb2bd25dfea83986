//! What the options of a sweep come to.

use super::*;
use cargo_pyodide::building::Recipes;
use clap::Parser;
use clap::error::ErrorKind;

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    sweep: SweepCommand,
}

fn parse(words: &str) -> Result<SweepCommand, ErrorKind> {
    let line = Line::try_parse_from(std::iter::once("x").chain(words.split_whitespace()));
    line.map(|line| line.sweep).map_err(|error| error.kind())
}

fn check(words: &str) -> SweepRequest {
    parse(words).unwrap().arguments.request().unwrap()
}

#[test]
fn a_sweep_without_options_does_every_step() {
    insta::assert_snapshot!(format!("{:#?}", check("list.txt")), @r#"
    SweepRequest {
        packages: List(
            "list.txt",
        ),
        steps: [
            Build,
            Audit,
            Import,
            Test,
        ],
        jobs: None,
        resume: No,
        out: "sweep",
        native: Skipped,
        cell_timeout: 3600s,
        cell_memory: None,
        test_timeout: 120s,
        shard: None,
        timings: None,
        packages_dir: None,
        recipes: Applied,
        tag: Line,
    }
    "#);
}

#[test]
fn options_of_a_sweep_reach_its_request() {
    let request = check(
        "list --steps test,build --jobs 3 --out out --native --cell-timeout 5 --cell-memory 2 --test-timeout 7 \
         --shard 2/4 --timings old --packages-dir p --no-recipes --for-index",
    );
    assert_eq!(request.steps, [Step::Test, Step::Build]);
    assert_eq!(
        (request.jobs, request.native, request.cell_memory),
        (Some(3), Native::Compared, Some(2_000_000))
    );
    assert_eq!(
        (request.cell_timeout, request.test_timeout),
        (Duration::from_secs(5), Duration::from_secs(7))
    );
    assert_eq!(request.shard.map(|Shard { number, of }| (number, of)), Some((2, 4)));
    assert_eq!((request.timings, request.packages_dir), (Some("old".into()), Some("p".into())));
    assert_eq!((request.recipes, request.tag), (Recipes::Ignored, TagChoice::Index));
}

#[test]
fn an_older_sweep_is_gone_on_with_in_three_ways() {
    let check = |words: &str| check(words).resume;
    assert_eq!(check("list"), Resume::No);
    assert_eq!(check("list --resume"), Resume::Finished);
    assert_eq!(check("list --resume --retry-failed"), Resume::Succeeded);
    assert_eq!(parse("list --retry-failed").unwrap_err(), ErrorKind::MissingRequiredArgument);
}

#[test]
fn a_sweep_needs_a_list_unless_it_looks_at_older_ones() {
    assert_eq!(parse("").unwrap_err(), ErrorKind::MissingRequiredArgument);
    assert_eq!(parse("list --timings old").unwrap_err(), ErrorKind::MissingRequiredArgument);
    assert!(matches!(parse("report folder --format md").unwrap().action, Some(Action::Report(_))));
    assert!(matches!(parse("compare a b").unwrap().action, Some(Action::Compare(_))));
    assert_eq!(parse("merge").unwrap_err(), ErrorKind::MissingRequiredArgument);
}

#[test]
fn a_memory_limit_that_no_number_holds_is_the_largest() {
    assert_eq!(check(&format!("list --cell-memory {}", u64::MAX)).cell_memory, Some(u64::MAX));
}
