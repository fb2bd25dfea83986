//! Nothing outlives the command line, whatever ends it.
//!
//! A command that starts other programs is two processes: a supervisor, which only waits, and below it the worker.
//! Whichever of them is killed, the other one notices at once, ends all that the worker started, removes its temporary
//! files, and ends. So the worker's locks in the cache are held until nothing works there any more.
//!
//! Both adopt, on Linux, the children of processes that ended: nothing escapes by losing its parent. A daemon that a build
//! starts for itself, such as the server of a compiler cache, stays when the command ends in the usual way.
//!
//! The worker's temporary files lie in one folder, which both lock. A folder that nobody locks is one of two processes
//! that were killed together: the next command removes it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::time::Duration;

use sysinfo::Pid;

use super::tree::{is_alive, kill_below};
use crate::env::{Environment, SUPERVISOR, TEMPORARY_FOLDER};
use crate::files::remove_folder;

/// The exit status after Ctrl-C and other signals that end us: what a shell would say.
pub const INTERRUPTED: u8 = 130;

/// What the folders of temporary files are called, before the process's number.
const PREFIX: &str = "cargo-pyodide-";
/// The file in such a folder that is locked.
const LOCK: &str = "lock";
/// A folder that is younger may be one whose process has not locked it yet.
const YOUNG: Duration = Duration::from_mins(1);

/// Set when everything is being ended: then nothing more is started.
static ENDING: AtomicBool = AtomicBool::new(false);
/// The number of the worker while it runs, in the supervisor.
static WORKER: AtomicI32 = AtomicI32::new(0);

/// How the worker of a supervisor ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkerEnd {
    /// With this status.
    Status(u8),
    /// By this signal of somebody else.
    Signal(i32),
}

/// Starts this executable again as the worker and waits for it; none if this process is the worker, or there can be no
/// supervisor: then the caller does the work. The executable calls this before a command that starts processes; others are
/// one process, and are ready sooner.
///
/// `on_signal` has a function called for each signal that asks the process to end.
pub fn supervise(environment: &Environment, on_signal: impl FnOnce(fn())) -> Option<WorkerEnd> {
    if !cfg!(unix) {
        return None;
    }
    if let Some(supervisor) = environment.text(SUPERVISOR) {
        work_below(supervisor.parse().ok()?, environment);
        return None;
    }
    let temporary = std::env::temp_dir();
    sweep(&temporary);
    let folder = TemporaryFolder::make(&temporary);
    let mut worker = start_worker(folder.as_ref().map(|folder| folder.path.as_path()))?;
    WORKER.store(i32::try_from(worker.id()).unwrap_or_default(), Ordering::Relaxed);
    on_signal(ask_worker_to_end);
    adopt_orphans();
    let status = worker.wait();
    WORKER.store(0, Ordering::Relaxed);
    let end = status.map_or(WorkerEnd::Status(INTERRUPTED), describe_end);
    if matches!(end, WorkerEnd::Signal(_)) {
        end_all();
    }
    if let Some(folder) = folder {
        folder.remove();
    }
    Some(end)
}

/// Ends all processes that this one started, directly or not, and starts no more.
pub fn end_all() {
    ENDING.store(true, Ordering::Relaxed);
    let Ok(own) = sysinfo::get_current_pid() else { return };
    // A process may start another one while it is being killed. One that cannot be killed must not hold us for ever.
    for _ in 0..300 {
        if kill_below(own) == 0 {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Ends all processes that this one started, then this one.
#[expect(
    clippy::exit,
    reason = "other threads wait for children that were killed, and would tell of that as of failures"
)]
pub fn end_all_and_exit() -> ! {
    end_all();
    std::process::exit(INTERRUPTED.into())
}

/// Stops here if everything is being ended: the death of a child is then no failure to tell, and a process that went on to
/// its end would take with it the thread that removes its files.
pub fn stay_if_ending() {
    while ENDING.load(Ordering::Relaxed) {
        std::thread::park();
    }
}

/// From now on this process, a driver below the worker, has its temporary files in the worker's folder.
pub(crate) fn share_temporary_folder(environment: &Environment) {
    if let Some(folder) = environment.get(TEMPORARY_FOLDER).map(Path::new).filter(|folder| folder.is_dir()) {
        // A second call changes nothing.
        drop(tempfile::env::override_temp_dir(folder));
    }
}

#[expect(clippy::disallowed_methods, reason = "the worker is no tool: it is this program")]
fn start_worker(folder: Option<&Path>) -> Option<std::process::Child> {
    let program = std::env::current_exe().ok()?;
    let mut command = std::process::Command::new(program);
    command.args(std::env::args_os().skip(1)).env(SUPERVISOR, std::process::id().to_string());
    match folder {
        Some(folder) => command.env(TEMPORARY_FOLDER, folder),
        None => command.env_remove(TEMPORARY_FOLDER),
    };
    // Without a supervisor the work is still done.
    command.spawn().ok()
}

/// Makes this process the worker of a supervisor.
fn work_below(supervisor: u32, environment: &Environment) {
    share_temporary_folder(environment);
    let folder = environment.get(TEMPORARY_FOLDER).map(PathBuf::from);
    let lock = folder.as_deref().and_then(|folder| lock_shared(&folder.join(LOCK)));
    adopt_orphans();
    std::thread::spawn(move || {
        wait_for_end_of(supervisor);
        end_all();
        if let Some(folder) = folder {
            drop(remove_folder(&folder));
        }
        drop(lock);
        end_all_and_exit();
    });
}

fn describe_end(status: ExitStatus) -> WorkerEnd {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return WorkerEnd::Signal(signal);
    }
    WorkerEnd::Status(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(INTERRUPTED))
}

/// The folder of the worker's temporary files.
struct TemporaryFolder {
    path: PathBuf,
    _lock: Option<File>,
}

impl TemporaryFolder {
    /// A new one, if there can be one: without it temporary files are where they always are.
    fn make(parent: &Path) -> Option<Self> {
        let prefix = format!("{PREFIX}{}-", std::process::id());
        let path = tempfile::Builder::new().prefix(&prefix).tempdir_in(parent).ok()?.keep();
        let lock = fs_err::write(path.join(LOCK), "").ok().and_then(|()| lock_shared(&path.join(LOCK)));
        Some(Self { path, _lock: lock })
    }

    fn remove(self) {
        // What cannot be removed now is removed by a later command.
        drop(remove_folder(&self.path));
    }
}

fn lock_shared(path: &Path) -> Option<File> {
    let file = fs_err::File::open(path).ok()?.into_parts().0;
    file.try_lock_shared().ok()?;
    Some(file)
}

/// Removes the folders of commands that were killed with their supervisors.
fn sweep(parent: &Path) {
    let Ok(entries) = fs_err::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let number =
            name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.split('-').next()?.parse().ok());
        if number.is_some_and(|number| is_left(&entry.path(), number)) {
            drop(remove_folder(&entry.path()));
        }
    }
}

/// Whether nobody uses a folder any more, whose process had this number.
fn is_left(folder: &Path, number: u32) -> bool {
    let lock = fs_err::OpenOptions::new().write(true).open(folder.join(LOCK));
    let is_free = match lock {
        Ok(file) => file.into_parts().0.try_lock().is_ok(),
        Err(error) => error.kind() == std::io::ErrorKind::NotFound && folder.is_dir(),
    };
    // It may lie between being made and being locked.
    is_free && (!is_alive(Pid::from_u32(number)) || age_of(folder).is_some_and(|age| age > YOUNG))
}

fn age_of(folder: &Path) -> Option<Duration> {
    fs_err::metadata(folder).ok()?.modified().ok()?.elapsed().ok()
}

#[cfg(target_os = "linux")]
fn adopt_orphans() {
    // The number does not matter: any but none turns it on.
    let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
}

#[cfg(not(target_os = "linux"))]
fn adopt_orphans() {}

#[cfg(unix)]
fn ask_worker_to_end() {
    let worker = WORKER.load(Ordering::Relaxed);
    if let Some(worker) = rustix::process::Pid::from_raw(worker).filter(|_| worker > 0) {
        let _ = rustix::process::kill_process(worker, rustix::process::Signal::TERM);
    }
}

#[cfg(not(unix))]
fn ask_worker_to_end() {}

#[cfg(target_os = "linux")]
fn wait_for_end_of(supervisor: u32) {
    use rustix::event::{PollFd, PollFlags, poll};
    let number = i32::try_from(supervisor).ok().and_then(rustix::process::Pid::from_raw);
    let watched =
        number.and_then(|pid| rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).ok());
    while std::os::unix::process::parent_id() == supervisor {
        match &watched {
            // It becomes readable when the process ends.
            Some(process) => drop(poll(&mut [PollFd::new(process, PollFlags::IN)], None)),
            None => std::thread::sleep(Duration::from_millis(100)),
        }
    }
}

#[cfg(all(unix, not(target_os = "linux")))]
fn wait_for_end_of(supervisor: u32) {
    while std::os::unix::process::parent_id() == supervisor {
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[cfg(not(unix))]
fn wait_for_end_of(_: u32) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_dead_processes_are_removed_and_no_others() {
        let place = tempfile::tempdir().unwrap();
        // No process has a number above the kernel's limit of 2^22.
        let dead = 99_999_999;
        let make = |name: &str| {
            let path = place.path().join(name);
            fs_err::create_dir_all(path.join("profile")).unwrap();
            fs_err::write(path.join(LOCK), "").unwrap();
            path
        };
        let left = make(&format!("{PREFIX}{dead}-a"));
        let unlocked = make(&format!("{PREFIX}{dead}-b"));
        fs_err::remove_file(unlocked.join(LOCK)).unwrap();
        let locked = make(&format!("{PREFIX}{dead}-c"));
        let lock = lock_shared(&locked.join(LOCK)).unwrap();
        let young = make(&format!("{PREFIX}{}-d", std::process::id()));
        let foreign = make("cargo-pyodide-of-mine");
        sweep(place.path());
        assert!(!left.exists() && !unlocked.exists());
        assert!(locked.exists() && young.exists() && foreign.exists());
        drop(lock);
        sweep(place.path());
        assert!(!locked.exists());
    }

    #[test]
    fn a_folder_is_locked_as_long_as_it_lives() {
        let place = tempfile::tempdir().unwrap();
        let folder = TemporaryFolder::make(place.path()).unwrap();
        assert!(!is_left(&folder.path, 99_999_999));
        let path = folder.path.clone();
        folder.remove();
        assert!(!path.exists());
    }
}
