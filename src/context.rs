//! What every step works with: a listener, the environment, the cache, the network, the Python of this machine.
//!
//! One value for a whole run, handed on by reference. What other programs must answer, such as which Python
//! there is and which package index pip is configured for, is asked when it is first needed, and once.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::cache::Cache;
use crate::env::Environment;
use crate::error::Result;
use crate::host_python::HostPython;
use crate::index::{self, PackageIndex};
use crate::redacted::Redacted;
use crate::ui::Ui;

/// Whether the network may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// Ask where needed.
    Allowed,
    /// Only what is in the cache.
    Forbidden,
}

/// Whether files of an index must have a digest that it states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hashes {
    /// One without is taken, with a warning.
    Optional,
    /// One without is refused.
    Required,
}

/// What every step of one run works with.
#[derive(Debug)]
pub struct Context {
    /// Receives the messages of steps.
    pub ui: Ui,
    /// The user's environment.
    pub environment: Environment,
    /// The cache.
    pub cache: Cache,
    /// Whether the network may be asked.
    pub network: Network,
    /// Whether files of an index must have a digest that it states.
    pub hashes: Hashes,
    named_python: Option<PathBuf>,
    /// Indexes that are asked before the one that pip is configured for.
    first_indexes: Vec<Redacted<String>>,
    python: OnceLock<HostPython>,
    index: OnceLock<PackageIndex>,
    failed_addresses: Mutex<BTreeSet<String>>,
    answers: Mutex<BTreeMap<String, String>>,
}

impl Context {
    /// A context in which nothing was asked yet.
    pub fn new(ui: Ui, environment: Environment, cache: Cache, network: Network) -> Self {
        Self {
            ui,
            environment,
            cache,
            network,
            hashes: Hashes::Optional,
            named_python: None,
            first_indexes: Vec::new(),
            python: OnceLock::new(),
            index: OnceLock::new(),
            failed_addresses: Mutex::default(),
            answers: Mutex::default(),
        }
    }

    /// The same with a Python of the host that the user named.
    #[must_use]
    pub fn with_python(self, named: Option<PathBuf>) -> Self {
        Self { named_python: named, python: OnceLock::new(), ..self }
    }

    /// The same with indexes, or sites that hold one, that are asked before the one that pip is configured for.
    #[must_use]
    pub fn with_first_indexes(self, addresses: Vec<Redacted<String>>) -> Self {
        Self { first_indexes: addresses, index: OnceLock::new(), ..self }
    }

    /// The same with a rule for digests.
    #[must_use]
    pub fn with_hashes(self, hashes: Hashes) -> Self {
        Self { hashes, ..self }
    }

    /// The host's Python, which runs build back ends.
    ///
    /// # Errors
    /// When there is none, it does not run, or it is too old.
    pub fn python(&self) -> Result<&HostPython> {
        if let Some(python) = self.python.get() {
            return Ok(python);
        }
        // Two steps, since `OnceLock` has no stable initialiser that may fail. Two threads may ask; the first answer
        // stands.
        let found = HostPython::find(&self.ui, &self.environment, self.named_python.as_deref())?;
        Ok(self.python.get_or_init(|| found))
    }

    /// The package index that pip is configured for.
    ///
    /// # Errors
    /// When pip cannot be asked, or its settings cannot be used.
    pub fn index(&self) -> Result<&PackageIndex> {
        if let Some(index) = self.index.get() {
            return Ok(index);
        }
        // A variable may name the index: then Python is not needed.
        let settings = match index::settings::from_variables(&self.ui, &self.environment) {
            Some(settings) => settings?,
            None => index::settings::from_pip(&self.ui, &self.python()?.program)?,
        };
        let first: Vec<_> =
            self.first_indexes.iter().map(|address| settings.with_address(address)).collect::<Result<_>>()?;
        let opened = PackageIndex::open(&settings)?.asking_first(&first)?;
        Ok(self.index.get_or_init(|| opened))
    }

    /// The package index, if it was needed before.
    pub(crate) fn asked_index(&self) -> Option<&PackageIndex> {
        self.index.get()
    }

    /// The indexes that are asked first, as part of a cache's key.
    pub(crate) fn first_indexes(&self) -> impl Iterator<Item = &str> {
        self.first_indexes.iter().map(|address| address.expose().as_str())
    }

    /// What a program answers, asked when it is first needed and once in a run. A failure is not kept.
    pub(crate) fn ask_once(&self, question: &str, ask: impl FnOnce() -> Result<String>) -> Result<String> {
        let answers = || self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = answers().get(question) {
            return Ok(known.clone());
        }
        // Not locked while the program runs. Two threads may ask; the first answer stands.
        let answer = ask()?;
        Ok(answers().entry(question.to_owned()).or_insert(answer).clone())
    }

    /// Whether an address could not be had in this run. Many requirements need the same few files, and a network that
    /// cannot be reached answers slowly.
    pub(crate) fn has_failed(&self, address: &str) -> bool {
        self.failed_addresses.lock().unwrap_or_else(PoisonError::into_inner).contains(address)
    }

    /// Remembers that an address could not be had.
    pub(crate) fn note_failure(&self, address: &str) {
        self.failed_addresses.lock().unwrap_or_else(PoisonError::into_inner).insert(address.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(variables: &[(&'static str, &'static str)]) -> Context {
        let environment = Environment::from_iter(variables.iter().copied());
        Context::new(Ui::silent(), environment, Cache::new("cache".into()), Network::Allowed)
    }

    #[test]
    fn an_address_that_failed_is_remembered_and_no_other() {
        let context = context(&[]);
        context.note_failure("http://127.0.0.1/a");
        assert!(context.has_failed("http://127.0.0.1/a"));
        assert!(!context.has_failed("http://127.0.0.1/"));
        // A Python that is named later changes nothing of it.
        assert!(context.with_python(None).has_failed("http://127.0.0.1/a"));
    }

    #[test]
    fn a_program_is_asked_until_it_answers() {
        let context = context(&[]);
        assert!(context.ask_once("a", || Err(anyhow::anyhow!("not yet"))).is_err());
        for answer in ["one", "two"] {
            assert_eq!(context.ask_once("a", || Ok(answer.to_owned())).unwrap(), "one");
        }
        assert_eq!(context.ask_once("b", || Ok("three".to_owned())).unwrap(), "three");
    }

    #[test]
    fn a_python_that_is_not_there_is_an_error_each_time() {
        let context = context(&[("PATH", "nowhere")]).with_python(Some("nowhere/python3".into()));
        let said =
            [context.python().unwrap_err(), context.python().unwrap_err()].map(|error| format!("{error:#}"));
        assert!(said[0].contains("nowhere/python3"), "{}", said[0]);
        assert_eq!(said[0], said[1]);
    }
}
