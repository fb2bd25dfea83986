//! `serve`: a site on this machine, to try wheels in a browser; with `--watch`, built again after each change.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::anyhow;
use cargo_pyodide::building::{FinishRequest, watched_folder};
use cargo_pyodide::context::Context;
use cargo_pyodide::error::{Result, hinted, render};
use cargo_pyodide::run::open_in_browser;
use cargo_pyodide::site::{
    self, BuildNews, BuildState, News, Notebooks, ReleasePackages, SiteReport, SiteRequest, SiteServer, Watch,
};
use cargo_pyodide::wasm::strip::Strip;
use clap::Args;

use crate::commands::Session;
use crate::options::VerbosityOptions;
use crate::site::{ContentOptions, Quality, SiteInput, TITLE, conclude_failure, tell};
use crate::terminal::Terminal;

const AFTER_HELP: &str = "\
Examples:
  cargo pyodide serve                                  the package in this folder
  cargo pyodide serve --watch --open                   built again when a file changes, and shown in the browser
  cargo pyodide serve --watch --debug                  and with the functions that a panic came through
  cargo pyodide serve site                             a site that `cargo pyodide site` wrote
  cargo pyodide serve dist/x-1.0-*.whl --port 8000

Prints the address of the page, answers this machine only, and ends with Ctrl-C. With --watch the page loads each new
build with the code that is written there, and runs it again; it shows why a build failed. Packages are built without
wasm-opt and compressed quickly: their wheels are not kept.

Exit codes:
  0  it was ended
  1  a wheel would not load: the audit found an error
  2  there is nothing to serve, or the port is taken";

/// Serve a site on this machine, and build it first if need be
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct ServeArguments {
    /// A site, or wheels, folders of wheels, the folder of a sweep and what `build` takes
    #[arg(value_name = "SITE|WHEEL|FOLDER|SWEEP|SOURCE", default_value = ".")]
    packages: Vec<String>,
    #[command(flatten)]
    content: ContentOptions,
    /// The port; 0 is any that is free
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    port: u16,
    /// Build again when a file of the package, or a wheel, changes
    #[arg(long)]
    watch: bool,
    /// Keep debug information in modules: the page then shows the functions, files and lines that a Rust panic came through
    #[arg(long)]
    debug: bool,
    /// Open the page in your browser
    #[arg(long)]
    open: bool,
    #[command(flatten)]
    verbosity: VerbosityOptions,
}

/// Runs the command.
pub(crate) fn run(session: &Session, arguments: &ServeArguments) -> Result<u8> {
    let terminal = arguments.verbosity.terminal();
    let options = &arguments.content;
    let context = options.context(session, &terminal);
    let place = tempfile::tempdir()?;
    if let [folder] = &arguments.packages[..]
        && site::is_site(folder.as_ref())
    {
        if arguments.watch {
            let error = anyhow!("`{folder}` is a site, and nothing is built for it");
            return Err(hinted(
                error,
                "name the package or the wheels that it was made of, or leave `--watch` out",
            ));
        }
        return serve(&context, &terminal, arguments, folder.as_ref());
    }
    let input = SiteInput::find(&context, &arguments.packages, options)?;
    let builder = Builder { context: &context, arguments, input, place: place.path() };
    if arguments.watch {
        return builder.serve_watched(&terminal);
    }
    match builder.build(0) {
        Ok(report) => serve(&context, &terminal, arguments, &report.folder),
        Err(error) => conclude_failure(&terminal, error),
    }
}

fn serve(context: &Context, terminal: &Terminal, arguments: &ServeArguments, folder: &Path) -> Result<u8> {
    let server = SiteServer::listen(folder, arguments.port)?;
    arguments.announce(context, terminal, &server)?;
    server.serve(&context.ui);
    Ok(0)
}

impl ServeArguments {
    fn quality(&self) -> Quality {
        let strip = if self.debug { Strip::Nothing } else { Strip::Symbols };
        Quality { finish: FinishRequest::quick(), strip }
    }

    /// Says where the page is.
    fn announce(&self, context: &Context, terminal: &Terminal, server: &SiteServer) -> Result<()> {
        terminal.data(server.address())?;
        context.ui.phase("Serving", "until Ctrl-C");
        if self.open
            && let Err(error) = open_in_browser(context, &server.address())
        {
            terminal.failure(&render(&error));
        }
        Ok(())
    }
}

/// Builds a site, again and again.
struct Builder<'a> {
    context: &'a Context,
    arguments: &'a ServeArguments,
    input: SiteInput,
    place: &'a Path,
}

impl Builder<'_> {
    /// Builds the site once more: each in a folder of its own, since the one before it is being served.
    fn build(&self, number: u32) -> Result<SiteReport> {
        let Self { context, arguments, input, place } = self;
        let wheels = input.build(context, &arguments.content, arguments.quality())?;
        let request = SiteRequest {
            wheels: wheels.paths.clone(),
            runtimes: &input.runtimes,
            title: TITLE.to_owned(),
            examples: None,
            pages: Vec::new(),
            base_url: None,
            release_packages: ReleasePackages::Linked,
            audit: arguments.content.audit_rule(),
            notebooks: Notebooks::None,
            sweep: input.sweep.clone(),
            news: if arguments.watch { News::Asked { build: number } } else { News::Unasked },
            out: place.join(format!("site-{number}")),
        };
        let report = site::write(&request, context)?;
        tell(context, &report);
        Ok(report)
    }

    /// Serves what was built last, and builds again after each change.
    fn serve_watched(&self, terminal: &Terminal) -> Result<u8> {
        let ui = &self.context.ui;
        let mut watch = Watch::begin(self.watched_paths()?);
        let waiting = site::write_waiting(TITLE, &self.place.join("waiting"))?;
        let server = SiteServer::listen(&waiting, self.arguments.port)?;
        server.tell(BuildNews { number: 0, state: BuildState::Building });
        self.arguments.announce(self.context, terminal, &server)?;
        for root in watch.roots() {
            ui.phase("Watching", root.display());
        }
        let mut folders = Folders { served: waiting, older: None };
        let mut number = self.build_and_show(terminal, &server, 0, &mut folders);
        while let Some(path) = watch.wait(ui) {
            ui.phase("Rebuilding", format!("`{}` changed", path.display()));
            server.tell(BuildNews { number, state: BuildState::Building });
            number = self.build_and_show(terminal, &server, number, &mut folders);
        }
        Ok(0)
    }

    /// Builds, and has the server show what came of it. Returns the number of the site that is served then.
    fn build_and_show(
        &self,
        terminal: &Terminal,
        server: &SiteServer,
        number: u32,
        folders: &mut Folders,
    ) -> u32 {
        let begun = Instant::now();
        let shown = self.build(number + 1).and_then(|report| {
            server.show(&report.folder)?;
            folders.replace(report.folder)
        });
        match shown {
            Ok(()) => {
                server.tell(BuildNews { number: number + 1, state: BuildState::built(begun.elapsed()) });
                number + 1
            }
            Err(error) => {
                let message = render(&error);
                terminal.failure(&message);
                server.tell(BuildNews { number, state: BuildState::Failed { message } });
                number
            }
        }
    }

    fn watched_paths(&self) -> Result<Vec<PathBuf>> {
        let folders = self.input.sources.iter().filter_map(|source| watched_folder(self.context, source));
        let paths: Vec<PathBuf> = folders.chain(self.input.wheels.iter().cloned()).collect();
        if paths.is_empty() {
            let error = anyhow!(
                "`--watch` has nothing to watch: `{}` is no folder",
                self.arguments.packages.join(" ")
            );
            return Err(hinted(error, "name the folder of a package, or wheels"));
        }
        Ok(paths)
    }
}

/// The folders of the site that is served, and of the one before it: a page may still be loading from that.
struct Folders {
    served: PathBuf,
    older: Option<PathBuf>,
}

impl Folders {
    fn replace(&mut self, newest: PathBuf) -> Result<()> {
        let before = std::mem::replace(&mut self.served, newest);
        match self.older.replace(before) {
            Some(oldest) => cargo_pyodide::files::remove_folder(&oldest),
            None => Ok(()),
        }
    }
}
