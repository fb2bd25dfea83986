//! Builds what a wheel requires, if it is missing from the release and has a Rust core; and what that requires.

use std::collections::BTreeSet;

use anyhow::anyhow;

use super::{BuildRequest, Built};
use crate::context::Context;
use crate::dependencies::missing::Missing;
use crate::dependencies::{Node, Origin, Resolver};
use crate::error::Result;
use crate::runtime::Runtime;
use crate::source::{self, SourceRequest};
use crate::wheel::OpenedWheel;
use crate::wheel::metadata::Metadata;

/// What a package that is pure Python lacks in a release, as far as the tool can help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PureNeeds {
    /// Everything that it requires can be had.
    Nothing,
    /// A requirement with a Rust core is missing: what `build` takes.
    Rust(String),
    /// Something else is missing, or was not looked for.
    Other,
}

/// What a package that is pure Python needs to be built before it works in a release.
///
/// # Errors
/// When requirements cannot be looked up.
pub fn find_needs_of_pure(context: &Context, runtime: &Runtime, package: &Metadata) -> Result<PureNeeds> {
    let tree = Resolver::new(context, runtime, &[])?.tree(package)?;
    let mut needs = PureNeeds::Nothing;
    for node in tree.iter().flat_map(Node::all) {
        match &node.origin {
            Origin::Missing(Missing::Rust { source, .. }) => return Ok(PureNeeds::Rust(source.clone())),
            Origin::Missing(_) => needs = PureNeeds::Other,
            _ => {}
        }
    }
    Ok(needs)
}

/// What is to be built next for a package, by the wheels that were built for it so far.
#[derive(Debug, Default)]
pub struct DependencyBuilds {
    tried: BTreeSet<String>,
}

impl DependencyBuilds {
    /// The next package that is missing and has a Rust core; none when all are built, or warned about. `built`
    /// are the wheels so far.
    ///
    /// # Errors
    /// When requirements cannot be looked up, or the source of one cannot be had.
    pub fn next(
        &mut self,
        context: &Context,
        request: &BuildRequest,
        runtime: &Runtime,
        package: &Metadata,
        built: &[&Built],
    ) -> Result<Option<BuildRequest>> {
        let wheels: Vec<OpenedWheel> = built.iter().map(|built| built.wheel.clone()).collect();
        let tree = Resolver::new(context, runtime, &wheels)?.tree(package)?;
        for node in tree.iter().flat_map(Node::all) {
            let Origin::Missing(missing) = &node.origin else { continue };
            // Asked again after each build: a wheel that was built brings requirements of its own.
            if !self.tried.insert(node.name.clone()) {
                continue;
            }
            if let Missing::Rust { source, .. } = missing {
                let asked: SourceRequest = source.parse().map_err(|error| anyhow!("`{source}`: {error}"))?;
                return Ok(Some(request.for_dependency(source::find(&asked, context)?)));
            }
            context.ui.warn(format!("`{}` is not built: {missing}", node.requirement));
        }
        Ok(None)
    }
}
