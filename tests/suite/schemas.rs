//! The JSON documents of commands: one on stdout whatever comes of the command, in the form of `docs/schemas`.

use std::path::Path;

use boon::{Compiler, Schemas};
use serde_json::Value;

use crate::harness::{Tool, can_build, copy_folder, fixture, folder, has, tool};

/// Checks a document against the schema of its command.
pub(crate) fn check(schema: &str, document: &Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("docs/schemas/{schema}.json"));
    let text: Value = serde_json::from_slice(&fs_err::read(path).unwrap()).unwrap();
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    compiler.add_resource("schema.json", text).unwrap();
    let compiled = compiler.compile("schema.json", &mut schemas).unwrap();
    if let Err(error) = schemas.validate(document, compiled) {
        panic!("not as docs/schemas/{schema}.json has it:\n{error}\n{document:#}");
    }
}

/// Runs a command and returns its status and its one document, which has the form of its schema.
fn document(schema: &str, tool: Tool) -> (Option<i32>, Value) {
    let printed = tool.run();
    let document = serde_json::from_str(&printed.stdout)
        .unwrap_or_else(|error| panic!("{error}:\n{}\n{}", printed.stdout, printed.stderr));
    check(schema, &document);
    (printed.status, document)
}

#[test]
fn an_early_error_is_a_document_too() {
    let place = folder();
    let run = |schema: &str, arguments: &[&str]| {
        let tool = tool(arguments).in_folder(place.path()).hide(place.path(), "HERE");
        let (status, document) = document(schema, tool);
        let error = &document["error"];
        format!("{status:?} {}: {}\n    hint: {}", arguments.join(" "), error["message"], error["hint"])
    };
    let said = [
        run("build", &["build", "./absent", "-q", "--json", "--pyodide", "0.29.5"]),
        run("test", &["test", "./absent", "-q", "--json"]),
        run("deps", &["deps", "./absent.tar.gz", "-q", "--json", "--pyodide", "0.29.5"]),
        run("audit", &["audit", "absent.whl", "-q", "--format", "json"]),
    ];
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn documents_of_what_went_well_and_what_did_not() {
    if !can_build() || !has("node") {
        return;
    }
    let place = folder();
    copy_folder(&fixture("pure"), &place.path().join("pure"));
    let run = |schema: &str, arguments: &[&str]| {
        document(schema, tool(&[arguments, &["-q"]].concat()).in_folder(place.path()))
    };
    let json = ["--json", "--pyodide", "0.29.5"];
    let shared = ["--json", "--pyodide", "0.29.5"];
    let (status, built) = run("build", &[&["build", "./pure"][..], &shared].concat());
    assert_eq!(status, Some(0));
    let wheel = built["wheels"][0]["wheel"].as_str().unwrap();
    let (status, small) = run("build", &[&["build", "./pure", "--budget", "1kB"][..], &shared].concat());
    assert_eq!((status, &small["exceeded"][0]["measure"]), (Some(1), &"wheel".into()));
    let (status, audited) = run("audit", &["audit", wheel, "--format", "json", "--pyodide", "0.29.5"]);
    assert_eq!((status, audited["audits"].as_array().map(Vec::len)), (Some(0), Some(1)));
    let (status, required) = run("deps", &[&["deps", wheel][..], &json].concat());
    assert_eq!((status, &required["packages"][0]["package"]), (Some(0), &"fixture-pure".into()));

    // No tests: the status that the help names, and the reason.
    let (status, tested) = run("test", &[&["test", "./pure"][..], &shared].concat());
    assert_eq!(status, Some(5));
    assert!(tested["error"]["message"].as_str().unwrap().starts_with("no tests were found in "));

    // A wheel that the audit refuses: the document says why.
    copy_folder(&fixture("bad-import"), &place.path().join("bad-import"));
    let (status, refused) = run("build", &[&["build", "./bad-import"][..], &shared].concat());
    assert_eq!(status, Some(1));
    assert_eq!(refused["refused"][0]["findings"][0]["severity"], "error");
}
