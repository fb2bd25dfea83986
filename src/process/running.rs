//! A program that runs beside us.

use std::process::{Child, ExitStatus};

use anyhow::{Context as _, bail};

use super::supervision::stay_if_ending;
use super::tree;
use crate::error::Result;
use crate::ui::Ui;

/// A program that runs beside us. It is killed when this is dropped.
#[derive(Debug)]
pub struct Running {
    pub(super) child: Child,
    pub(super) ui: Ui,
    pub(super) leads_a_group: bool,
}

impl Running {
    /// How it ended, if it has.
    ///
    /// # Errors
    /// When it cannot be asked, or Ctrl-C was pressed: then it was killed.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        if self.ui.is_interrupted() {
            self.stop();
            bail!("interrupted");
        }
        poll(&mut self.child)
    }

    /// Ends it, and what it started itself, and waits until it has.
    pub fn stop(&mut self) {
        if self.leads_a_group && matches!(self.child.try_wait(), Ok(None)) {
            // Browsers also start processes in groups of their own.
            tree::kill_below(sysinfo::Pid::from_u32(self.child.id()));
        }
        self.stop_group();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    /// Browsers are many processes: all of them are in one group, which the first one leads.
    #[cfg(unix)]
    fn stop_group(&self) {
        let leader = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        if let (Some(leader), true) = (leader, self.leads_a_group) {
            let _ = rustix::process::kill_process_group(leader, rustix::process::Signal::KILL);
        }
    }

    #[cfg(not(unix))]
    fn stop_group(&self) {}
}

/// How a child ended, if it has. Where everything is being ended this does not return: its death is then no failure to tell.
pub(super) fn poll(child: &mut Child) -> Result<Option<ExitStatus>> {
    let ended = child.try_wait().context("cannot wait for a child process")?;
    if ended.is_some() {
        stay_if_ending();
    }
    Ok(ended)
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}
