//! What events of pytest come to, and how results are counted.

use super::*;
use crate::runtime::double;

fn result(id: &str, outcome: TestOutcome) -> TestResult {
    TestResult { id: id.to_owned(), outcome, seconds: 0.5, message: String::new() }
}

/// What an attempt makes of events: the results, and how it ended.
fn check(events: &[Value], death: Option<&str>) -> String {
    let runtime = double::runtime("0.29.0", "3.13");
    let excused = BTreeMap::new();
    let plan = TestPlan {
        runtime: &runtime,
        place: Place::Node,
        micropip: &[],
        wheels: &[],
        loaded: &[],
        release_files: &BTreeMap::new(),
        archive: Path::new("tests.zip"),
        folder: Path::new(""),
        arguments: Vec::new(),
        excused: &excused,
        timeout: Duration::from_secs(1),
        stdout: Stream::Stdout,
    };
    let mut results = Vec::new();
    let mut attempt = Attempt { plan: &plan, results: &mut results, current: None, has_collected: false };
    let mut ended = String::new();
    for event in events {
        match attempt.take(event) {
            Ok(None) => {}
            Ok(Some(Ended::Done(status))) => ended = format!("done {status}"),
            Ok(Some(Ended::Died(how))) => ended = format!("died {how}"),
            Ok(Some(Ended::Stopped(status))) => ended = format!("stopped {status}"),
            Err(error) => ended = format!("error {error}"),
        }
    }
    if let Some(how) = death {
        attempt.blame(TestOutcome::Died, format!("the interpreter ended while it ran: {how}"));
    }
    let results: Vec<String> =
        results.iter().map(|one| format!("{} {} {}", one.id, one.outcome.word(), one.message)).collect();
    format!("{} | {ended}", results.join(", "))
}

fn start(id: &str) -> Value {
    json!({ "event": "start", "id": id })
}

fn end(id: &str, outcome: &str, message: &str) -> Value {
    json!({ "event": "end", "id": id, "outcome": outcome, "seconds": 0.25, "message": message })
}

#[test]
fn events_become_results_until_pytest_is_done() {
    let events = [
        start("a"),
        end("a", "passed", ""),
        json!({ "event": "news" }),
        start("b"),
        end("b", "failed", "why"),
        json!({ "event": "done", "status": 1 }),
    ];
    assert_eq!(check(&events, None), "a passed , b failed why | done 1");
    assert_eq!(
        check(&[json!({ "event": "done" })], None),
        " | done 3",
        "no status is none of pytest's good ones"
    );
}

#[test]
fn the_test_that_was_running_is_blamed_for_the_end() {
    let events =
        [start("a"), end("a", "passed", ""), start("b"), json!({ "event": "died", "message": "trap" })];
    assert_eq!(
        check(&events, Some("trap")),
        "a passed , b died the interpreter ended while it ran: trap | died trap"
    );
    assert_eq!(check(&events[..2], Some("exit")), "a passed  | ", "between tests none is to blame");
}

#[test]
fn what_pytest_cannot_do_at_all_is_an_error() {
    assert_eq!(check(&[json!({ "event": "fatal", "message": "no pytest" })], None), " | error no pytest");
    let odd = check(&[end("a", "exploded", "")], None);
    assert!(odd.starts_with(" | error unknown variant `exploded`"), "{odd}");
}

#[test]
fn results_are_counted_by_outcome() {
    let outcomes = [
        TestOutcome::Failed,
        TestOutcome::Passed,
        TestOutcome::Died,
        TestOutcome::Passed,
        TestOutcome::Xfailed,
    ];
    let results = outcomes.map(|outcome| result("a", outcome));
    assert_eq!(summary(&results), "2 passed, 1 failed, 1 died, 1 xfailed");
    assert_eq!(counts(&results)[&TestOutcome::Passed], 2);
    assert_eq!(summary(&[]), "no tests");
}

#[test]
fn what_fails_is_told_from_what_is_excused() {
    let all = ["passed", "failed", "error", "died", "skipped", "xfailed", "xpassed", "excused"];
    let read = |word: &str| serde_json::from_value::<TestOutcome>(json!(word)).unwrap();
    assert_eq!(all.map(|word| read(word).word()), all);
    let failures: Vec<&str> = all.into_iter().filter(|word| read(word).is_failure()).collect();
    assert_eq!(failures, ["failed", "error", "died"]);
}
