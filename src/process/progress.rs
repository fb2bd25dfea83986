//! What cargo and build back ends say of how far they are.
//!
//! Cargo alone knows how many crates it compiles, and which are fresh. Asked to, it draws its bar where there is no terminal:
//! its numbers become those of our task, and the bar is kept out of the log.

use crate::ui::{Task, Ui};

/// Variables that let cargo draw its bar into a pipe. Without a width it draws none.
pub const PROGRESS_VARIABLES: [(&str, &str); 2] =
    [("CARGO_TERM_PROGRESS_WHEN", "always"), ("CARGO_TERM_PROGRESS_WIDTH", "100")];

/// How far cargo is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Progress<'a> {
    done: u64,
    of: u64,
    /// What it works on: `pyo3, syn(build)`.
    now: &'a str,
}

/// Reads a bar of cargo's: `Building [===>   ] 12/63: pyo3, syn(build)`.
pub(super) fn parse(line: &str) -> Option<Progress<'_>> {
    let (_, rest) = line.trim().strip_prefix("Building [")?.split_once("] ")?;
    let (numbers, now) = rest.split_once(": ").unwrap_or((rest, ""));
    let (done, of) = numbers.trim_end_matches(':').split_once('/')?;
    Some(Progress { done: done.parse().ok()?, of: of.parse().ok()?, now: now.trim() })
}

/// Says on the task what a line of cargo's or a back end's output is about, and tells the line to who wants all of them.
pub fn show_progress(ui: &Ui, task: &dyn Task, line: &str) {
    if let Some(Progress { done, of, now }) = parse(line) {
        task.count(done, of);
        task.say(&format!("crates: {now}"));
        return;
    }
    ui.tool_output(line);
    let text = line.trim();
    if ["Compiling", "Building", "Downloading", "Downloaded", "Updating", "running "]
        .iter()
        .any(|verb| text.starts_with(verb))
    {
        task.say(text);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Default)]
    struct Said(Mutex<Vec<String>>);

    impl Task for Said {
        fn say(&self, text: &str) {
            self.0.lock().unwrap().push(text.to_owned());
        }
        fn count(&self, done: u64, of: u64) {
            self.0.lock().unwrap().push(format!("{done} of {of}"));
        }
    }

    #[test]
    fn progress_is_what_cargo_and_back_ends_announce() {
        let said = Said::default();
        let lines = [
            "   Compiling a v1.0.0",
            "warning: unused",
            "running build_ext",
            "  Fresh b v1.0.0",
            "    Building [=> ] 1/2: a",
        ];
        for line in lines {
            show_progress(&Ui::silent(), &said, line);
        }
        assert_eq!(
            *said.0.lock().unwrap(),
            ["Compiling a v1.0.0", "running build_ext", "1 of 2", "crates: a"]
        );
    }

    #[test]
    fn a_bar_of_cargos_is_read() {
        let bar = "    Building [=====>                 ] 12/63: pyo3, syn(build)         \r";
        assert_eq!(parse(bar), Some(Progress { done: 12, of: 63, now: "pyo3, syn(build)" }));
        assert_eq!(parse("Building [=>] 62/63:"), Some(Progress { done: 62, of: 63, now: "" }));
        for other in
            ["   Compiling pyo3 v0.29.0", "Building wheel for x", "Building [x] y", "Building [=> ] a/b: c"]
        {
            assert_eq!(parse(other), None, "{other}");
        }
    }
}
