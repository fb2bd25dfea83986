//! Runs a program within limits of time and memory, with all that it starts itself.
//!
//! Its standard input is a pipe that nothing is written to: by its end the program learns that we died
//! ([`end_with_parent`]), whatever killed us.

use std::io::Read;
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use sysinfo::{Pid, System};

use super::Invocation;
use super::running::poll;
use super::tree::{kill_tree, memory_of_tree};
use crate::error::Result;
use crate::ui::Ui;

/// How often the program is looked at.
const PERIOD: Duration = Duration::from_millis(100);
/// How often its memory is counted, in periods.
const COUNTED_EVERY: u32 = 5;

/// What a program may use.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Until when it must have ended.
    pub time: Duration,
    /// Bytes of memory that it and what it starts may hold together.
    pub memory: u64,
}

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// By itself, or by a signal of somebody else.
    ByItself(ExitStatus),
    /// It was killed, since its time was over.
    OutOfTime,
    /// It was killed, since it held this many bytes.
    OutOfMemory(u64),
}

/// How a program ended, and the most memory that it held, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watched {
    /// How it ended.
    pub ended: Ended,
    /// The most bytes that were counted.
    pub memory: u64,
}

impl Invocation {
    /// Runs to the end, or to a limit; both outputs go to the end of a log.
    ///
    /// # Errors
    /// When the program cannot be started, the log cannot be written, or Ctrl-C was pressed: then all was killed.
    pub fn run_limited(&self, ui: &Ui, log: &Path, limits: Limits) -> Result<Watched> {
        ui.command(&self.copyable());
        ui.is_interrupted();
        let log = fs_err::OpenOptions::new().create(true).append(true).open(log)?.into_parts().0;
        let mut command = self.command();
        command.stdin(Stdio::piped()).stdout(log.try_clone()?).stderr(log);
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child =
            command.spawn().with_context(|| format!("cannot start `{}`", self.program.display()))?;
        let watched = watch(&mut child, limits, ui);
        if !matches!(watched, Ok(Watched { ended: Ended::ByItself(_), .. })) {
            kill_tree(Pid::from_u32(child.id()));
            let _ = child.kill();
            let _ = child.wait();
        }
        watched
    }
}

fn watch(child: &mut Child, limits: Limits, ui: &Ui) -> Result<Watched> {
    let started = Instant::now();
    let mut system = System::new();
    let mut memory = 0;
    let mut rounds = (0..COUNTED_EVERY).cycle();
    loop {
        if ui.is_interrupted() {
            bail!("interrupted");
        }
        if let Some(status) = poll(child)? {
            return Ok(Watched { ended: Ended::ByItself(status), memory });
        }
        if started.elapsed() > limits.time {
            return Ok(Watched { ended: Ended::OutOfTime, memory });
        }
        // Counting looks at every process of the machine: less often than the time.
        if rounds.next() == Some(0) {
            let held = memory_of_tree(&mut system, Pid::from_u32(child.id()));
            memory = memory.max(held);
            if held > limits.memory {
                return Ok(Watched { ended: Ended::OutOfMemory(held), memory });
            }
        }
        std::thread::sleep(PERIOD);
    }
}

/// The bytes of memory of this machine.
pub(crate) fn memory_of_machine() -> u64 {
    let mut system = System::new();
    system.refresh_memory();
    system.total_memory()
}

/// From now on this process ends, with all that it started, when the one that started it has died.
pub(crate) fn end_with_parent() {
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        if let Ok(own) = sysinfo::get_current_pid() {
            kill_tree(own);
        }
    });
}
