//! `run`: a Python script in Pyodide, on Node or in a browser.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Context as _, anyhow, bail};
use cargo_pyodide::dependencies::wheels;
use cargo_pyodide::env::Environment;
use cargo_pyodide::error::{Result, hinted};
use cargo_pyodide::releases::request::{RuntimeList, runtimes};
use cargo_pyodide::run::session::Place;
use cargo_pyodide::run::{self, Script};
use clap::Args;

use crate::commands::Session;
use crate::options::{NetworkOptions, VerbosityOptions};

const AFTER_HELP: &str = "\
Examples:
  cargo pyodide run -c 'import sys; print(sys.version)'
  cargo pyodide run --pyodide 0.29 --with dist/x-1.0-cp313-cp313-pyodide_2025_0_wasm32.whl test.py ARG
  echo 'print(1 + 1)' | cargo pyodide run -
  cargo pyodide run --in worker --with dist/*-cp314-*.whl test.py
  cargo pyodide run --env TOKEN --env LEVEL=debug script.py

On Node the script sees the current folder at its own path; in a browser (Chromium, or what the variable CHROME names) it
sees no folder of the host. In both it sees the variables that `--env` names, and no others of the host. Put options before
the script.

Exit codes:
  the script's own; 2 if it could not be run";

/// Run Python in Pyodide, on Node or in a browser
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct RunArguments {
    /// The Pyodide release or line, or the folder of one [default: the newest stable line]
    #[arg(long, value_name = "VERSION")]
    pyodide: Option<RuntimeList>,
    /// Where it runs
    #[arg(long = "in", value_enum, value_name = "PLACE", default_value_t = Place::Node)]
    place: Place,
    /// A wheel to install first, or several as a pattern of the shell gives them; repeatable
    #[arg(long = "with", value_name = "WHEEL")]
    wheels: Vec<PathBuf>,
    /// An environment variable that the script sees; without a value, the one of this environment; repeatable
    #[arg(long = "env", value_name = "NAME[=VALUE]")]
    variables: Vec<VariableChoice>,
    #[command(flatten)]
    network: NetworkOptions,
    /// A program given as text; arguments follow
    #[arg(short, value_name = "CODE")]
    code: Option<String>,
    #[command(flatten)]
    verbosity: VerbosityOptions,
    /// The script, `-` for stdin, and its arguments
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "SCRIPT [ARGS]")]
    script: Vec<String>,
}

/// Runs the command.
pub(crate) fn run(session: &Session, arguments: RunArguments) -> Result<u8> {
    let terminal = arguments.verbosity.terminal();
    let context = session.context(&terminal, arguments.network.network());
    let variables = choose_variables(&context.environment, arguments.variables)?;
    let Words { wheels: more, code, script } = sort_words(arguments.script)?;
    if code.is_some() && arguments.code.is_some() {
        bail!("`-c` was given twice");
    }
    let script = Script { variables, ..read_script(arguments.code.or(code), script)? };
    let wheels = [arguments.wheels, more].concat();
    let requests: Vec<RuntimeList> = arguments.pyodide.into_iter().collect();
    let runtimes = runtimes(&context, &requests)?;
    // Its exit status is the script's: two scripts would have two.
    let [runtime] = &runtimes[..] else {
        bail!("a script runs in one Pyodide release, but {} were named", runtimes.len());
    };
    if arguments.place == Place::Node {
        return run::run(&context, runtime, &wheels, &script);
    }
    let micropip =
        if wheels.is_empty() { Vec::new() } else { wheels::find_micropip(&context, runtime, None) };
    run::run_in_browser(&context, runtime, arguments.place, &micropip, &wheels, &script)
}

/// The words behind the options.
#[derive(Debug, Default, PartialEq, Eq)]
struct Words {
    wheels: Vec<PathBuf>,
    code: Option<String>,
    script: Vec<String>,
}

/// Takes the wheels that a shell's pattern put behind `--with`, which has one value: `--with dist/*.whl -c CODE`.
fn sort_words(words: Vec<String>) -> Result<Words> {
    let is_wheel = |word: &String| word.to_ascii_lowercase().ends_with(".whl");
    let mut rest = words.into_iter().peekable();
    let wheels: Vec<PathBuf> = std::iter::from_fn(|| rest.next_if(is_wheel)).map(PathBuf::from).collect();
    if wheels.is_empty() {
        return Ok(Words { script: rest.collect(), ..Words::default() });
    }
    match rest.peek().map(String::as_str) {
        Some("-c") => {
            rest.next();
            let code = rest.next().ok_or_else(|| anyhow!("`-c` takes a program"))?;
            Ok(Words { wheels, code: Some(code), script: rest.collect() })
        }
        Some(option) if option.starts_with('-') && option != "-" => Err(hinted(
            anyhow!("`{option}` follows a list of wheels: only `-c` or the script can"),
            "put other options before `--with`",
        )),
        _ => Ok(Words { wheels, code: None, script: rest.collect() }),
    }
}

fn read_script(code: Option<String>, words: Vec<String>) -> Result<Script> {
    if let Some(source) = code {
        return Ok(script("-c", source, words));
    }
    let mut words = words.into_iter();
    match words.next() {
        None => Err(hinted(anyhow!("no script was named"), "name a file, `-c CODE`, or `-` for stdin")),
        Some(dash) if dash == "-" => {
            let mut source = String::new();
            std::io::stdin().read_to_string(&mut source).context("stdin is not UTF-8 text")?;
            Ok(script("-", source, words.collect()))
        }
        Some(path) => {
            let source = fs_err::read_to_string(&path)?;
            let absolute = std::path::absolute(&path)?;
            let folder =
                absolute.parent().map(|folder| folder.to_string_lossy().into_owned()).unwrap_or_default();
            Ok(Script {
                file: Some(absolute.to_string_lossy().into_owned()),
                path: folder,
                ..script(&path, source, words.collect())
            })
        }
    }
}

/// A script that is in no file, and sees no variables.
fn script(name: &str, source: String, arguments: Vec<String>) -> Script {
    let name = name.to_owned();
    Script { name, file: None, path: String::new(), source, arguments, variables: BTreeMap::new() }
}

/// A variable that was named: `NAME`, or `NAME=VALUE`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct VariableChoice {
    name: String,
    value: Option<String>,
}

impl FromStr for VariableChoice {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (text, None),
        };
        if name.is_empty() || text.contains('\0') {
            return Err("expected `NAME` or `NAME=VALUE`".to_owned());
        }
        Ok(Self { name: name.to_owned(), value })
    }
}

/// The variables that were named, with their values.
fn choose_variables(
    environment: &Environment,
    named: Vec<VariableChoice>,
) -> Result<BTreeMap<String, String>> {
    let value =
        |VariableChoice { name, value }| match value.or_else(|| environment.text(&name).map(str::to_owned)) {
            Some(value) => Ok((name, value)),
            None => Err(hinted(
                anyhow!("the environment has no variable `{name}` that is text"),
                format!("give it a value: `--env {name}=VALUE`"),
            )),
        };
    named.into_iter().map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wheels_of_a_pattern_are_no_script() {
        let check = |line: &str| match sort_words(line.split_whitespace().map(str::to_owned).collect()) {
            Ok(Words { wheels, code, script }) => {
                format!("{} wheels, code {code:?}, script {script:?}", wheels.len())
            }
            Err(error) => format!("{error}"),
        };
        insta::assert_snapshot!(["t.py a.whl", "b.whl -c x y", "b.whl c.whl t.py", "b.whl", "b.whl --in page", "b.whl -", ""]
            .map(check).join("\n"), @r#"
        0 wheels, code None, script ["t.py", "a.whl"]
        1 wheels, code Some("x"), script ["y"]
        2 wheels, code None, script ["t.py"]
        1 wheels, code None, script []
        `--in` follows a list of wheels: only `-c` or the script can
        1 wheels, code None, script ["-"]
        0 wheels, code None, script []
        "#);
    }

    #[test]
    fn a_variable_has_a_name() {
        let check = |text: &str| text.parse::<VariableChoice>().map(|choice| (choice.name, choice.value));
        assert_eq!(check("A=b=c").unwrap(), ("A".to_owned(), Some("b=c".to_owned())));
        assert_eq!(check("A=").unwrap(), ("A".to_owned(), Some(String::new())));
        assert_eq!(check("A").unwrap(), ("A".to_owned(), None));
        assert!(check("=b").is_err() && check("").is_err() && check("A\0").is_err());
    }

    #[test]
    fn a_variable_without_a_value_must_be_set() {
        let named = |text: &str| vec![text.parse().unwrap()];
        let nothing = Environment::default();
        assert_eq!(choose_variables(&nothing, named("A=1")).unwrap()["A"], "1");
        let error = cargo_pyodide::error::render(&choose_variables(&nothing, named("A")).unwrap_err());
        assert_eq!(
            error,
            "error: the environment has no variable `A` that is text\nhint: give it a value: `--env A=VALUE`"
        );
    }
}
