//! A process and all that it started, directly or not.

use sysinfo::{Pid, Process, ProcessRefreshKind, ProcessStatus, ProcessesToUpdate, System};

fn look(system: &mut System) {
    let what = ProcessRefreshKind::nothing().with_memory().without_tasks();
    system.refresh_processes_specifics(ProcessesToUpdate::All, true, what);
}

/// A process and all that it started, directly or not.
fn tree(system: &System, root: Pid) -> Vec<Pid> {
    // By parent and not by group: compilers and browsers make groups of their own.
    let mut found = vec![root];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        let children = system.processes().iter().filter(|(_, process)| process.parent() == Some(parent));
        found.extend(children.map(|(pid, _)| *pid));
        next += 1;
    }
    found
}

/// The bytes of memory that a process holds, with all that it started.
pub(super) fn memory_of_tree(system: &mut System, root: Pid) -> u64 {
    look(system);
    tree(system, root).iter().filter_map(|pid| system.process(*pid)).map(Process::memory).sum()
}

/// Kills a process and all that it started, the root first, so that it starts nothing anew.
pub(super) fn kill_tree(root: Pid) {
    let mut system = System::new();
    look(&mut system);
    for pid in tree(&system, root) {
        if let Some(process) = system.process(pid) {
            process.kill();
        }
    }
}

/// Kills all that a process started, directly or not, and returns how many processes were alive.
pub(super) fn kill_below(root: Pid) -> usize {
    let mut system = System::new();
    look(&mut system);
    let mut alive = 0;
    for process in tree(&system, root).into_iter().skip(1).filter_map(|pid| system.process(pid)) {
        if !has_ended(process) {
            process.kill();
            alive += 1;
        }
    }
    alive
}

/// Whether there is a process of this number that has not ended.
pub(super) fn is_alive(pid: Pid) -> bool {
    let mut system = System::new();
    let what = ProcessRefreshKind::nothing().without_tasks();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), true, what);
    system.process(pid).is_some_and(|process| !has_ended(process))
}

/// A process that has ended is listed until its parent asks for its status.
fn has_ended(process: &Process) -> bool {
    matches!(process.status(), ProcessStatus::Zombie | ProcessStatus::Dead)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a process that nobody waits for")]
    fn a_process_that_nobody_has_waited_for_is_not_alive() {
        let mut child =
            std::process::Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
        let pid = Pid::from_u32(child.id());
        assert!(is_alive(pid));
        drop(child.stdin.take());
        let has_ended = || {
            (0..1000).any(|_| {
                std::thread::sleep(std::time::Duration::from_millis(10));
                !is_alive(pid)
            })
        };
        assert!(has_ended(), "it is waited for only now");
        child.wait().unwrap();
    }
}
