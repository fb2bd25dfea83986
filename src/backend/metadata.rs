//! The metadata of a source tree, without building it: what its files state, else what its back end answers.

use std::path::Path;

use anyhow::anyhow;
use serde_json::json;

use super::folder::BuildFolder;
use super::hooks::BackEnd;
use super::steering::Steering;
use crate::context::Context;
use crate::error::{Result, hinted};
use crate::files::remove_folder;
use crate::plain_name::PlainName;
use crate::project::{BackEnd as BackEndKind, Identity, Project, PyProject};
use crate::wheel::metadata::Fields;

/// The text of METADATA, as far as it matters for requirements.
///
/// # Errors
/// When neither the files nor the back end tell.
pub(crate) fn read(
    context: &Context,
    tree: &Path,
    pyproject: &PyProject,
    folder: &BuildFolder,
) -> Result<String> {
    if let Some(text) = read_stated(tree, pyproject) {
        return Ok(text);
    }
    let project = Project::read(tree, pyproject)?;
    context.ui.detail(
        "the package's requirements or its version are not stated in a file: its build back end is asked",
    );
    let steering = Steering::default();
    let log = folder.root.join("metadata.log");
    // Hooks append to it: lines of an earlier call would be taken for this one's.
    let _ = fs_err::remove_file(&log);
    let back_end =
        BackEnd { context, project: &project, workspace: &project.root, steering: &steering, log: &log };
    let environment = back_end.environment()?;
    let target = folder.root.join("metadata");
    remove_folder(&target)?;
    fs_err::create_dir_all(&target)?;
    let name: Option<PlainName> =
        back_end.call(&environment, "prepare_metadata_for_build_wheel", &json!([target]))?;
    let name = name.ok_or_else(|| {
        hinted(
            anyhow!(
                "the build back end `{}` cannot tell the metadata before it builds",
                project.build_system.build_backend
            ),
            "build the package and name the wheel",
        )
    })?;
    Ok(fs_err::read_to_string(target.join(name).join("METADATA"))?)
}

fn is_maturin(pyproject: &PyProject) -> bool {
    pyproject
        .build_system()
        .is_ok_and(|system| BackEndKind::of(&system.build_backend) == BackEndKind::Maturin)
}

/// What `PKG-INFO` of an sdist says, from metadata 2.2 on, or the table `[project]`.
fn read_stated(tree: &Path, pyproject: &PyProject) -> Option<String> {
    let pkg_info = fs_err::read_to_string(tree.join("PKG-INFO")).unwrap_or_default();
    let fields = Fields::parse(&pkg_info);
    let version = fields.first("Metadata-Version").unwrap_or_default();
    let is_dynamic = fields.all("Dynamic").any(|field| field.eq_ignore_ascii_case("requires-dist"));
    // Before 2.2 an sdist's requirements may differ from those of the wheel that is built of it (PEP 643).
    if !["", "1.0", "1.1", "1.2", "2.0", "2.1"].contains(&version) && !is_dynamic {
        return Some(pkg_info);
    }
    let name = pyproject.project_text("name")?;
    if pyproject.is_dynamic("dependencies") {
        return None;
    }
    let version = match pyproject.project_text("version") {
        Some(version) => version.to_owned(),
        // maturin takes it from the Cargo manifest; of the other back ends each has its own way.
        None if is_maturin(pyproject) => Identity::of(tree, pyproject).version?.to_string(),
        None => return None,
    };
    let required = pyproject.project_list("dependencies");
    let mut lines =
        vec!["Metadata-Version: 2.1".to_owned(), format!("Name: {name}"), format!("Version: {version}")];
    lines.extend(required.iter().map(|text| format!("Requires-Dist: {text}")));
    Some(lines.join("\n") + "\n")
}
