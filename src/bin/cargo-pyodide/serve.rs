//! `serve`: a site on this machine, to try wheels in a browser.

use std::path::PathBuf;

use cargo_pyodide::error::Result;
use cargo_pyodide::site::{self, ReleasePackages, SiteRequest, SiteServer};
use clap::Args;

use crate::commands::Session;
use crate::options::VerbosityOptions;
use crate::site::{ContentOptions, TITLE, conclude_failure, prepare, tell};

const AFTER_HELP: &str = "\
Examples:
  cargo pyodide serve                                  the package in this folder
  cargo pyodide serve site                             a site that `cargo pyodide site` wrote
  cargo pyodide serve dist/x-1.0-*.whl --port 8000

Prints the address of the page, answers this machine only, and ends with Ctrl-C.

Exit codes:
  0  it was ended
  1  a wheel would not load: the audit found an error
  2  there is nothing to serve, or the port is taken";

/// Serve a site on this machine, and build it first if need be
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct ServeArguments {
    /// A site, or wheels, folders of wheels and what `build` takes
    #[arg(value_name = "SITE|WHEEL|FOLDER|SOURCE", default_value = ".")]
    packages: Vec<String>,
    #[command(flatten)]
    content: ContentOptions,
    /// The port; 0 is any that is free
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    port: u16,
    #[command(flatten)]
    verbosity: VerbosityOptions,
}

/// Runs the command.
pub(crate) fn run(session: &Session, arguments: &ServeArguments) -> Result<u8> {
    let terminal = arguments.verbosity.terminal();
    let options = &arguments.content;
    let context = options.context(session, &terminal);
    let place = tempfile::tempdir()?;
    let folder = match &arguments.packages[..] {
        [folder] if site::is_site(folder.as_ref()) => PathBuf::from(folder),
        packages => {
            let made = prepare(&context, packages, options).and_then(|content| {
                let request = SiteRequest {
                    wheels: content.wheels.clone(),
                    runtimes: &content.runtimes,
                    title: TITLE.to_owned(),
                    examples: None,
                    base_url: None,
                    release_packages: ReleasePackages::Linked,
                    audit: options.audit_rule(),
                    out: place.path().join("site"),
                };
                site::write(&request, &context)
            });
            match made {
                Ok(report) => {
                    tell(&context, &report);
                    report.folder
                }
                Err(error) => return conclude_failure(&terminal, error),
            }
        }
    };
    let server = SiteServer::listen(&folder, arguments.port)?;
    terminal.data(server.address())?;
    context.ui.phase("Serving", "until Ctrl-C");
    server.serve(&context.ui);
    Ok(0)
}
