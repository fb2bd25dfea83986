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

/// What is to be built next for a package, by the wheels that were built for it so far.
#[derive(Debug, Default)]
pub struct DependencyBuilds {
    tried: BTreeSet<String>,
}

impl DependencyBuilds {
    /// The next package that is missing and has a Rust core; none when all are built, or warned about. `built`
    /// are the wheels so far, the package's own first.
    ///
    /// # Errors
    /// When requirements cannot be looked up, or the source of one cannot be had.
    pub fn next(
        &mut self,
        context: &Context,
        request: &BuildRequest,
        runtime: &Runtime,
        built: &[&Built],
    ) -> Result<Option<BuildRequest>> {
        let Some(package) = built.first() else { return Ok(None) };
        let wheels: Vec<OpenedWheel> = built.iter().map(|built| built.wheel.clone()).collect();
        let tree = Resolver::new(context, runtime, &wheels)?.tree(package.wheel.metadata())?;
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
