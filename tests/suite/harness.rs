//! Runs the tool in folders and environments of the tests' making.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

/// The cache that all tests share.
pub(crate) fn shared_cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache")
}

/// A fixture package's folder.
pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// A fresh folder that is removed at the end.
pub(crate) fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// A copy of a fixture in a folder of its own.
pub(crate) fn copied(name: &str) -> (tempfile::TempDir, PathBuf) {
    let place = folder();
    let package = place.path().join(name);
    copy_folder(&fixture(name), &package);
    (place, package)
}

/// Writes a script that can be started.
pub(crate) fn write_program(path: &Path, text: &str) {
    fs_err::write(path, text).unwrap();
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs_err::set_permissions(path, executable).unwrap();
}

/// Copies a folder, hidden files too.
pub(crate) fn copy_folder(from: &Path, to: &Path) {
    fs_err::create_dir_all(to).unwrap();
    for entry in fs_err::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs_err::copy(entry.path(), target).unwrap();
        }
    }
}

/// A call of the tool.
pub(crate) struct Tool {
    command: Command,
    hidden: Vec<(String, &'static str)>,
}

/// What a call printed.
pub(crate) struct Printed {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A call with these arguments, in the shared cache.
pub(crate) fn tool(arguments: &[&str]) -> Tool {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-pyodide"));
    command.arg("pyodide").args(arguments).stdin(Stdio::null());
    command
        .env("CARGO_PYODIDE_CACHE_DIR", shared_cache())
        .env("CARGO_PYODIDE_COMPRESS", "fast")
        .env("CARGO_PYODIDE_OPTIMIZE", "none")
        .env_remove("SOURCE_DATE_EPOCH")
        .env_remove("RUSTFLAGS");
    // The tests' own cargo leaves its mark on the environment.
    for name in ["CARGO", "RUSTC", "RUSTUP_TOOLCHAIN", "CARGO_MANIFEST_DIR", "LD_LIBRARY_PATH"] {
        command.env_remove(name);
    }
    Tool { command, hidden: vec![(shared_cache().display().to_string(), "CACHE")] }
}

impl Tool {
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn in_folder(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    pub(crate) fn cache(self, folder: &Path) -> Self {
        self.hide(folder, "CACHE").env("CARGO_PYODIDE_CACHE_DIR", folder)
    }

    /// A `PATH` that has these programs and no others.
    pub(crate) fn only_programs(self, folder: &Path, programs: &[&str]) -> Self {
        let bin = folder.join("only-programs");
        fs_err::create_dir_all(&bin).unwrap();
        for program in programs {
            let found = find(program).unwrap_or_else(|| panic!("{program} is not on the PATH"));
            std::os::unix::fs::symlink(found, bin.join(program)).unwrap();
        }
        self.hide(&bin, "BIN").env("PATH", bin)
    }

    /// Shows a path as a word in what is printed.
    pub(crate) fn hide(mut self, path: &Path, word: &'static str) -> Self {
        self.hidden.push((path.display().to_string(), word));
        self
    }

    pub(crate) fn command(self) -> Command {
        self.command
    }

    pub(crate) fn run(mut self) -> Printed {
        let Output { status, stdout, stderr } = self.command.output().unwrap();
        self.hidden.sort_by_key(|(path, _)| std::cmp::Reverse(path.len()));
        let clean = |bytes: Vec<u8>| {
            let text = String::from_utf8(bytes).unwrap();
            self.hidden.iter().fold(text, |text, (path, word)| text.replace(path, word))
        };
        let lines = clean(stderr);
        // Which other test holds a folder of the shared cache is chance.
        let is_chance = |line: &&str| line.starts_with("     Waiting for another process");
        let stderr = lines.split_inclusive('\n').filter(|line| !is_chance(line)).collect();
        Printed { status: status.code(), stdout: clean(stdout), stderr }
    }

    /// Runs the call under `strace`. Returns also the files that the tool itself opened to read them, in order.
    pub(crate) fn trace_reads(self) -> (Output, Vec<PathBuf>) {
        let place = folder();
        let trace = place.path().join("trace");
        let current = self.command.get_current_dir().unwrap_or(Path::new("/")).to_owned();
        let mut traced = Command::new("sh");
        // As below a supervisor, which would open nothing: the traced process is the worker.
        traced.args(["-c", r#"PYODIDE_SUPERVISOR=$$ exec strace -e trace=open,openat -o "$0" "$@""#]);
        traced
            .arg(&trace)
            .arg(self.command.get_program())
            .args(self.command.get_args())
            .current_dir(&current);
        for (name, value) in self.command.get_envs() {
            match value {
                Some(value) => traced.env(name, value),
                None => traced.env_remove(name),
            };
        }
        let output = traced.output().unwrap();
        let trace = fs_err::read_to_string(trace).unwrap();
        let reads = trace.lines().filter(|line| line.contains("O_RDONLY") && !line.contains(" = -1 "));
        let paths = reads.filter_map(|line| line.split('"').nth(1)).map(|path| current.join(path)).collect();
        (output, paths)
    }

    /// Everything that was printed, as one snapshot.
    pub(crate) fn snapshot(self) -> String {
        let Printed { status, stdout, stderr } = self.run();
        let status = status.map_or("killed".into(), |status| status.to_string());
        format!("status: {status}\n--- stdout\n{stdout}--- stderr\n{stderr}")
    }

    /// Asserts success and returns the output.
    pub(crate) fn succeed(self) -> Printed {
        let printed = self.run();
        assert_eq!(printed.status, Some(0), "{}\n{}", printed.stdout, printed.stderr);
        printed
    }
}

/// A program on the tests' own `PATH`: the program itself, not a version manager's stand-in.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    if program == "python3" {
        let output =
            Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output().ok()?;
        return Some(PathBuf::from(String::from_utf8(output.stdout).ok()?.trim()));
    }
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
}

/// Whether `cargo pyodide build` can work here. If not, the test is skipped, or fails when `CI` is set.
pub(crate) fn can_build() -> bool {
    static DOCTOR: LazyLock<Printed> = LazyLock::new(|| tool(&["doctor"]).run());
    let doctor = &*DOCTOR;
    if doctor.status == Some(0) {
        return true;
    }
    assert!(std::env::var_os("CI").is_none(), "a tool is missing:\n{}", doctor.stdout);
    eprintln!("skipped: a tool is missing:\n{}", doctor.stdout);
    false
}

/// Whether a program is there. If not, the test is skipped, or fails when `CI` is set.
pub(crate) fn has(program: &str) -> bool {
    is_there(find(program).is_some(), &format!("`{program}` is missing"))
}

/// Whether what a test needs is there. If not, the test is skipped, or fails when `CI` is set.
pub(crate) fn is_there(found: bool, missing: &str) -> bool {
    assert!(found || std::env::var_os("CI").is_none(), "{missing}");
    if !found {
        eprintln!("skipped: {missing}");
    }
    found
}

/// The folder of a runtime in the shared cache, fetched if need be.
pub(crate) fn runtime(version: &str) -> PathBuf {
    tool(&["setup", "--pyodide", version]).succeed();
    shared_cache().join("runtimes").join(version)
}
