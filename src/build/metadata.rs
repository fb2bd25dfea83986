//! The metadata of a source tree, without building it: what its files state, else what its back end answers.

use std::path::Path;

use anyhow::anyhow;
use serde_json::json;

use super::backend::Backend;
use super::cargo_config::Steering;
use super::{BuildFolder, Workshop};
use crate::error::{Result, hinted};
use crate::project::Project;
use crate::wheel::metadata::Fields;

/// The text of METADATA, as far as it matters for requirements.
///
/// # Errors
/// When neither the files nor the back end tell.
pub fn of_tree(workshop: Workshop<'_>, tree: &Path, folder: &BuildFolder) -> Result<String> {
    if let Some(text) = stated(tree) {
        return Ok(text);
    }
    let project = Project::read(tree)?;
    workshop.ui.detail("the package's requirements are not stated in a file: its build back end is asked");
    let steering = Steering::default();
    let log = folder.root.join("metadata.log");
    let backend = Backend { workshop, project: &project, steering: &steering, log: &log };
    let environment = backend.environment()?;
    let target = folder.root.join("metadata");
    crate::cache::remove_folder(&target)?;
    fs_err::create_dir_all(&target)?;
    let name: Option<String> =
        backend.call(&environment, "prepare_metadata_for_build_wheel", &json!([target]))?;
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

/// What `PKG-INFO` of an sdist says, from metadata 2.2 on, or the table `[project]`.
fn stated(tree: &Path) -> Option<String> {
    let pkg_info = fs_err::read_to_string(tree.join("PKG-INFO")).unwrap_or_default();
    let fields = Fields::parse(&pkg_info);
    let version = fields.first("Metadata-Version").unwrap_or_default();
    let is_dynamic = fields.all("Dynamic").any(|field| field.eq_ignore_ascii_case("requires-dist"));
    if !["", "1.0", "1.1", "1.2", "2.0", "2.1"].contains(&version) && !is_dynamic {
        return Some(pkg_info);
    }
    let pyproject: toml::Table = fs_err::read_to_string(tree.join("pyproject.toml")).ok()?.parse().ok()?;
    let project = pyproject.get("project")?;
    let is_dynamic = |key: &str| {
        let dynamic = project.get("dynamic").and_then(toml::Value::as_array);
        dynamic.is_some_and(|keys| keys.iter().any(|known| known.as_str() == Some(key)))
    };
    if is_dynamic("dependencies") {
        return None;
    }
    let name = project.get("name")?.as_str()?;
    let version = project.get("version").and_then(toml::Value::as_str).unwrap_or("0");
    let required = project.get("dependencies").and_then(toml::Value::as_array).cloned().unwrap_or_default();
    let mut lines =
        vec!["Metadata-Version: 2.1".to_owned(), format!("Name: {name}"), format!("Version: {version}")];
    lines.extend(required.iter().filter_map(|text| Some(format!("Requires-Dist: {}", text.as_str()?))));
    Some(lines.join("\n") + "\n")
}
