//! Finds a browser and shows it a page: headless, with a profile of its own.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use url::Url;

use crate::env::Environment;
use crate::error::{Result, hinted};
use crate::process::{self, Invocation, Running, Streams};
use crate::ui::Ui;

/// How to get a browser.
pub const ADVICE: &str =
    "install Chromium (Debian: `apt-get install chromium`), or name a browser with the variable `CHROME`";

/// The browser in which scripts and tests would run.
///
/// # Errors
/// When there is none.
pub fn find_browser(environment: &Environment) -> Result<PathBuf> {
    Ok(Browser::find(environment)?.program)
}

/// A browser that was found.
#[derive(Debug, Clone)]
pub(crate) struct Browser {
    program: PathBuf,
    is_firefox: bool,
}

impl Browser {
    /// The browser that `CHROME` names, else Chromium or Chrome, else Firefox.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn find(environment: &Environment) -> Result<Self> {
        let is_firefox = |program: &Path| {
            program.file_name().is_some_and(|name| name.to_string_lossy().to_lowercase().contains("firefox"))
        };
        if let Some(named) = environment.get("CHROME") {
            let program = PathBuf::from(named);
            if !program.is_file() {
                return Err(hinted(
                    anyhow!("`CHROME` names `{}`, which is not a program", program.display()),
                    ADVICE,
                ));
            }
            return Ok(Self { is_firefox: is_firefox(&program), program });
        }
        let names =
            ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "firefox"];
        let program = process::find(environment, &names, ADVICE)?;
        Ok(Self { is_firefox: is_firefox(&program), program })
    }

    /// Shows a file as a page, with a profile in this folder.
    ///
    /// # Errors
    /// When the browser cannot be started.
    pub(crate) fn show(&self, ui: &Ui, page: &Path, profile: &Path) -> Result<Running> {
        let address = Url::from_file_path(page)
            .map_err(|()| anyhow!("`{}` has no address", page.display()))?
            .to_string();
        let command = Invocation::new(&self.program).with_our_temporary_folder();
        if self.is_firefox {
            let command = command.args(["--headless", "--no-remote", "--profile"]).arg(profile).arg(address);
            return command.spawn(ui, Streams::Silent);
        }
        // Nothing but the page is to be loaded, and containers give `/dev/shm` less room than a runtime takes.
        let mut command = command.args([
            "--headless",
            "--disable-gpu",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-extensions",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--no-default-browser-check",
        ]);
        // Chromium's sandbox does not start as root; as anybody else it stays on.
        if is_root(profile) {
            command = command.arg("--no-sandbox");
        }
        command.arg(format!("--user-data-dir={}", profile.display())).arg(address).spawn(ui, Streams::Silent)
    }
}

/// Whether we are root, told by the owner of a folder that we made.
#[cfg(unix)]
fn is_root(own: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    fs_err::metadata(own).is_ok_and(|metadata| metadata.uid() == 0)
}

#[cfg(not(unix))]
fn is_root(_: &Path) -> bool {
    false
}
