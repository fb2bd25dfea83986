//! What a package and its user say of the profile `release`: where they are silent, the tool may choose.

use std::path::{Path, PathBuf};

use super::cargo_config::{config_file, config_folders};
use crate::env::Environment;
use crate::error::Result;

/// The settings of the profile `release` that the workspace's manifest, cargo's configuration or a variable gives. Values are
/// those that count; settings of single crates are left out.
///
/// # Errors
/// When there is no home folder.
pub(crate) fn read(environment: &Environment, root: &Path, workspace: &Path) -> Result<toml::Table> {
    let mut files = vec![workspace.join("Cargo.toml")];
    // Cargo lets configuration win over the manifest, and what lies nearer over what lies farther.
    files.extend(
        config_folders(root, environment.cargo_home()?).iter().filter_map(|folder| config_file(folder)),
    );
    let mut stated = toml::Table::new();
    for table in files.iter().filter_map(of_file) {
        stated.extend(table);
    }
    stated.extend(of_variables(environment));
    stated.retain(|_, value| !value.is_table());
    Ok(stated)
}

fn of_file(path: &PathBuf) -> Option<toml::Table> {
    let table: toml::Table = fs_err::read_to_string(path).ok()?.parse().ok()?;
    Some(table.get("profile")?.get("release")?.as_table()?.clone())
}

/// `CARGO_PROFILE_RELEASE_LTO` and its siblings.
fn of_variables(environment: &Environment) -> toml::Table {
    const START: &str = "CARGO_PROFILE_RELEASE_";
    let settings = environment.texts().filter(|(_, value)| !value.is_empty()).filter_map(|(name, value)| {
        let key = name.strip_prefix(START)?.to_ascii_lowercase().replace('_', "-");
        Some((key, value.into()))
    });
    settings.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_counts_and_single_crates_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, text).unwrap();
        };
        let (home, workspace) = (folder.path().join("home"), folder.path().join("w"));
        let check = |variables: &[(&'static str, &'static str)]| {
            let home = [("CARGO_HOME", home.to_str().unwrap().to_owned())];
            let home = home.iter().map(|(name, value)| (*name, value.as_str()));
            let environment = Environment::from_iter(variables.iter().copied().chain(home));
            read(&environment, &workspace.join("member"), &workspace).unwrap().to_string()
        };
        assert_eq!(check(&[]), "");
        write(
            "w/Cargo.toml",
            "[profile.release]\nlto = 'thin'\ncodegen-units = 4\n[profile.release.package.a]\nopt-level = 3\n\
             [profile.dev]\nopt-level = 1",
        );
        write("w/member/Cargo.toml", "[profile.release]\nopt-level = 2");
        assert_eq!(check(&[]), "codegen-units = 4\nlto = \"thin\"\n", "a member's profile does not count");
        write("home/config.toml", "[profile.release]\nlto = 'off'\nincremental = true");
        write("w/.cargo/config.toml", "[profile.release]\nlto = true");
        assert_eq!(check(&[]), "codegen-units = 4\nincremental = true\nlto = true\n");
        let variables = [("CARGO_PROFILE_RELEASE_OPT_LEVEL", "s"), ("CARGO_PROFILE_RELEASE_LTO", "")];
        assert_eq!(
            check(&variables),
            "codegen-units = 4\nincremental = true\nlto = true\nopt-level = \"s\"\n"
        );
        write("w/.cargo/config.toml", "[profile");
        assert_eq!(check(&[]), "codegen-units = 4\nincremental = true\nlto = \"off\"\n");
    }
}
