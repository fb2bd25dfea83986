//! Builds and audits a package without the command line: `cargo run --example library -- FOLDER 0.29 OUT`.

use std::process::ExitCode;

use cargo_pyodide::audit::subject::OpenedFile;
use cargo_pyodide::audit::{AuditContext, audit};
use cargo_pyodide::building::{self, BuildRequest, Outcome};
use cargo_pyodide::cache::Cache;
use cargo_pyodide::context::{Context, Network};
use cargo_pyodide::env::Environment;
use cargo_pyodide::releases::request::runtimes;
use cargo_pyodide::source::{self, SourceRequest};
use cargo_pyodide::ui::Ui;

#[expect(clippy::print_stdout, reason = "it shows what came of the build")]
fn main() -> anyhow::Result<ExitCode> {
    let environment = Environment::read();
    // A build starts this very program again under the names of compilers.
    if let Some(status) = cargo_pyodide::driver::serve(&environment, std::env::args_os()) {
        return Ok(ExitCode::from(status));
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, pyodide, out] = &arguments[..] else { anyhow::bail!("usage: library FOLDER PYODIDE OUT") };
    let cache = Cache::new(environment.cache_folder()?);
    let context = Context::new(Ui::silent(), environment, cache, Network::Allowed);
    let source = source::find(&SourceRequest::Folder(folder.into()), &context)?;
    for runtime in runtimes(&context, &[pyodide.parse().map_err(anyhow::Error::msg)?])? {
        match building::build(&BuildRequest::new(source.clone(), out), &runtime, &context)? {
            Outcome::Refused(refused) => return Err(refused.into_error()),
            Outcome::Built(built) => {
                let wheel = OpenedFile::read(built.wheel.path())?;
                let findings = audit(wheel.subject(), &runtime, &AuditContext::default());
                println!("{}: {} findings", built.wheel.filename(), findings.len());
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
