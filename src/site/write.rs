//! Writes a site from wheels and releases. The same wheels and releases give the same bytes.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use include_dir::{Dir, include_dir};

use super::document::{NewsSource, PackageWheel, PageLink, SiteDocument, SitePackage, SiteRelease};
use super::index::{self, Links};
use super::lite::Kernel;
use super::lock::{self, ReleaseFiles};
use super::place::Staged;
use super::published::{self, PublishedWheel};
use super::request::{News, Notebooks, SiteReport, SiteRequest};
use super::required::{self, Required};
use super::wheel::{SiteWheel, percent_encode};
use super::{all_json, examples, lite, snippets, swept};
use crate::abi::Line;
use crate::context::Context;
use crate::error::{Result, hinted};
use crate::files::{size_of_folder, walk};
use crate::releases::fetch::{DIGESTS, is_kept};
use crate::runtime::Runtime;

/// The files of the playground.
static PAGE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/src/site/page");

/// What hosts that read such a file are to say. Pages of other sites may read wheels and lock files; micropip of 0.24 to
/// 0.26 takes an index only as bare `text/html`.
const HEADERS: &str = "\
/*
  Access-Control-Allow-Origin: *
/simple/*
  Content-Type: text/html
";

/// Writes a site.
///
/// # Errors
/// When there are no wheels, a wheel is for no release or would not load, two are of one name, the folder holds what is
/// no site, or a file cannot be had or written. Then the folder is as it was.
pub fn write(request: &SiteRequest<'_>, context: &Context) -> Result<SiteReport> {
    let staged = Staged::begin(&request.out)?;
    if let Some(address) = &request.base_url {
        check_address(address)?;
    }
    let wheels = published::read_all(request, context)?;
    let Written { releases, from_index: mut all, mut warnings, lite } =
        write_releases(&staged, request, context, &wheels)?;
    let packages = packages(request, &wheels)?;
    let count = packages.len();
    all.extend(wheels.into_iter().map(|wheel| (wheel.site.filename.to_string(), wheel)));
    write_wheels(&staged, &all, request)?;
    let versions = releases.iter().map(|release| release.version.clone()).collect();
    let mut document = SiteDocument::new(&request.title, releases, packages)?;
    if let Some(sweep) = &request.sweep {
        document.matrix = Some(swept::write(&staged, sweep, &document.packages, &all.keys().collect())?);
    }
    document.pages = write_pages(&staged, &request.pages)?;
    if let Some(Lite { kernel, release }) = &lite {
        let link = lite::write(context, &staged, kernel, release, &document.packages)?;
        document.pages.push(link);
    } else if request.notebooks == Notebooks::JupyterLite {
        warnings.push("no JupyterLite is made for these releases: the site has none".to_owned());
    }
    if let News::Asked { build } = request.news {
        document.news = Some(NewsSource::of(build));
    }
    let readme = snippets::readme(&document, request.base_url.as_deref())?;
    staged.write("README.md", readme.as_bytes())?;
    write_page(&staged, &document)?;
    let folder = staged.finish()?;
    Ok(SiteReport {
        packages: count,
        wheels: all.len(),
        releases: versions,
        bytes: size_of_folder(&folder),
        folder,
        warnings,
    })
}

/// The releases of a site, and what came with them.
#[derive(Default)]
struct Written {
    /// The newest first.
    releases: Vec<SiteRelease>,
    /// Wheels of the index that packages require, by file name.
    from_index: BTreeMap<String, PublishedWheel>,
    warnings: Vec<String>,
    lite: Option<Lite>,
}

/// The JupyterLite of a site, and the release that it is made for.
struct Lite {
    kernel: Kernel,
    release: SiteRelease,
}

/// Writes the releases that wheels are for.
fn write_releases(
    staged: &Staged,
    request: &SiteRequest<'_>,
    context: &Context,
    wheels: &[PublishedWheel],
) -> Result<Written> {
    let mut runtimes: Vec<&Runtime> = request.runtimes.iter().collect();
    // The newest is offered first.
    runtimes.sort_by_key(|runtime| Reverse(&runtime.version));
    let mut written = Written::default();
    for runtime in runtimes {
        let fits = |wheel: &&PublishedWheel| runtime.accepts(&wheel.site.filename).is_ok();
        let ours: Vec<&PublishedWheel> = wheels.iter().filter(fits).collect();
        if ours.is_empty() {
            let warning = format!("no wheel is for Pyodide {}: the site leaves it out", runtime.version);
            written.warnings.push(warning);
            continue;
        }
        context.ui.phase("Writing", format!("the site for Pyodide {}", runtime.version));
        let kernel = match request.notebooks {
            Notebooks::JupyterLite if written.lite.is_none() => lite::kernel_for(runtime.line())?,
            _ => None,
        };
        let others = kernel.as_ref().map(|kernel| kernel.requires.as_slice()).unwrap_or_default();
        let required = required::find(context, runtime, &ours, request.release_packages, others)?;
        let release = write_release(staged, runtime, &required)?;
        if let Some(kernel) = kernel {
            written.lite = Some(Lite { kernel, release: release.clone() });
        }
        written.releases.push(release);
        written.warnings.extend(required.warnings);
        let named = required.from_index.into_iter().map(|wheel| (wheel.site.filename.to_string(), wheel));
        written.from_index.extend(named);
    }
    Ok(written)
}

/// Writes the page of a site that has no packages yet and waits for its first build.
///
/// # Errors
/// When the folder holds what is no site, or cannot be written.
pub fn write_waiting(title: &str, out: &Path) -> Result<PathBuf> {
    let staged = Staged::begin(out)?;
    let mut document = SiteDocument::new(title, Vec::new(), Vec::new())?;
    document.news = Some(NewsSource::of(0));
    write_page(&staged, &document)?;
    staged.finish()
}

fn check_address(address: &str) -> Result<()> {
    match url::Url::parse(address) {
        Ok(url) if ["http", "https"].contains(&url.scheme()) && url.query().is_none() => Ok(()),
        _ => Err(hinted(
            anyhow!("`{address}` is not the address of a site"),
            "write it as `https://example.org/folder/`",
        )),
    }
}

/// The release's files, and its lock file with our packages.
fn write_release(staged: &Staged, runtime: &Runtime, required: &Required) -> Result<SiteRelease> {
    let index_url = format!("pyodide/{}/", runtime.version);
    let lock_name = lock::file_name(runtime.line());
    let mut beside = BTreeSet::new();
    for path in release_files(runtime) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name != lock_name {
            staged.copy(&path, &format!("{index_url}{name}"))?;
            beside.insert(name);
        }
    }
    for (name, path) in &required.release_files {
        staged.copy(path, &format!("{index_url}{name}"))?;
        beside.insert(name.clone());
    }
    let files = ReleaseFiles { network: runtime.network_folder(), beside };
    let text = fs_err::read_to_string(runtime.folder.join(lock_name))?;
    let lock = lock::write(&text, &files, &required.wheels)?;
    staged.write(&format!("{index_url}{lock_name}"), lock.as_bytes())?;
    let size = |name: &str| fs_err::metadata(runtime.folder.join(name)).map(|metadata| metadata.len()).ok();
    let fetched = size("pyodide.asm.wasm").zip(size("python_stdlib.zip"));
    Ok(SiteRelease {
        version: runtime.version.to_string(),
        line: runtime.line().to_string(),
        python: runtime.python_release.to_string(),
        index_url,
        module: module(runtime.line()).to_owned(),
        lock_file_name: lock_name.to_owned(),
        abi: runtime.abi_version.clone(),
        download: fetched.map(|(wasm, library)| wasm + library + lock.len() as u64),
    })
}

/// The file that loads a release: from 314 on there are only modules.
fn module(line: Line) -> &'static str {
    match "314".parse() {
        Ok(first) if line < first => "pyodide.js",
        _ => "pyodide.mjs",
    }
}

/// The files that a page may ask for.
fn release_files(runtime: &Runtime) -> impl Iterator<Item = PathBuf> {
    let entries = walk(&runtime.folder, 1, |name| {
        let name = name.to_string_lossy();
        // The cache's own marks, and what is for reading and for debuggers.
        let is_mark = name.starts_with('.') || name == DIGESTS || name == "README.md";
        !is_mark && is_kept(&name)
    });
    entries.filter(|entry| entry.file_type().is_file()).map(walkdir::DirEntry::into_path)
}

/// The packages of the page, in the order of the wheels.
fn packages(request: &SiteRequest<'_>, wheels: &[PublishedWheel]) -> Result<Vec<SitePackage>> {
    let mut packages: Vec<SitePackage> = Vec::new();
    for wheel in wheels {
        let (name, version) = (wheel.site.name(), &wheel.site.filename.version);
        let known = packages.iter().position(|package| package.name == name && package.version == *version);
        let at = known.unwrap_or_else(|| {
            packages.push(SitePackage {
                name,
                version: version.clone(),
                summary: wheel.summary.clone(),
                imports: wheel.site.imports.clone(),
                releases: BTreeMap::new(),
                examples: wheel.examples.clone(),
            });
            packages.len() - 1
        });
        for runtime in request.runtimes.iter().filter(|one| one.accepts(&wheel.site.filename).is_ok()) {
            let SiteWheel { filename, size, sha256, .. } = &wheel.site;
            let entry = PackageWheel { wheel: filename.to_string(), size: *size, sha256: sha256.clone() };
            packages[at].releases.insert(runtime.version.to_string(), entry);
        }
    }
    if let Some(path) = &request.examples {
        let names: Vec<String> = packages.iter().map(|package| package.name.clone()).collect();
        let examples = examples::read(path, &names)?;
        for package in &mut packages {
            // Those that the user wrote for this page come first.
            package.examples.splice(..0, examples.get(&package.name).cloned().unwrap_or_default());
        }
    }
    Ok(packages)
}

/// The wheels with their metadata, and the indexes.
fn write_wheels(
    staged: &Staged,
    wheels: &BTreeMap<String, PublishedWheel>,
    request: &SiteRequest<'_>,
) -> Result<()> {
    for (name, wheel) in wheels {
        staged.copy(wheel.opened.path(), &format!("wheels/{name}"))?;
        staged.write(&format!("wheels/{name}.metadata"), &wheel.metadata)?;
    }
    let list: Vec<SiteWheel> = wheels.values().map(|wheel| wheel.site.clone()).collect();
    let links = request.base_url.clone().map_or(Links::Relative, Links::Absolute);
    for (path, text) in index::pages(&list, &links) {
        staged.write(&path, text.as_bytes())?;
    }
    staged.write("pypi/all.json", all_json::document(&list)?.as_bytes())
}

/// Copies pages of the user's into the site, and says what they are called.
fn write_pages(staged: &Staged, pages: &[PathBuf]) -> Result<Vec<PageLink>> {
    let mut links = Vec::new();
    for page in pages {
        let name = page.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let advice = "a page is a file `NAME.html` of another name than the site's own files";
        if !name.ends_with(".html") || staged.has(&name) || PAGE.contains(&name) {
            return Err(hinted(anyhow!("`{}` cannot be a page of the site", page.display()), advice));
        }
        let text = fs_err::read_to_string(page)?;
        let title = text.split_once("<title>").and_then(|(_, rest)| rest.split_once("</title>"));
        let title = title.map_or_else(|| name.clone(), |(title, _)| title.trim().to_owned());
        staged.write(&name, text.as_bytes())?;
        links.push(PageLink { address: percent_encode(&name), title });
    }
    Ok(links)
}

fn write_page(staged: &Staged, document: &SiteDocument) -> Result<()> {
    for file in PAGE.files() {
        let name = file.path().to_string_lossy();
        // It tells Node and editors that these are modules.
        if name != "package.json" {
            staged.write(&name, file.contents())?;
        }
    }
    staged.write("site.json", document.text()?.as_bytes())?;
    staged.write("_headers", HEADERS.as_bytes())?;
    // Without it, GitHub Pages leaves out files whose names begin with an underscore.
    staged.write(".nojekyll", b"")
}
