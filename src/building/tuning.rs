//! Chooses settings of cargo's profile `release` where the package says nothing of them, and features of the target.
//!
//! Cargo's own defaults compile quickly; a wheel is compiled once and run often. docs/speed.md has what was measured.

use crate::overlay::keys::ProfileKeys;
use crate::wasm::optimization::Optimization;

/// From this many crates on, to optimise all of them as one takes too long and too much memory: it is done in parts.
const LARGE: usize = 250;

/// What was chosen for a build.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tuning {
    /// Settings of the profile, where nobody gives them.
    pub profile: ProfileKeys,
    /// Features of the target with which Rust is compiled.
    pub target_features: Vec<&'static str>,
}

impl Tuning {
    /// For a package that states these settings, and whose graph has so many crates. `features` are those that the line's
    /// browsers have.
    pub(super) fn choose(
        wanted: Optimization,
        stated: &toml::Table,
        crates: usize,
        features: Vec<&'static str>,
    ) -> Self {
        if wanted == Optimization::None {
            return Self::default();
        }
        // rustc refuses link-time optimisation of what it compiles incrementally.
        let is_incremental = stated.get("incremental").is_some_and(|value| value.as_bool() != Some(false));
        let lto = if crates < LARGE { "fat" } else { "thin" };
        let is_silent = |name: &str| !stated.contains_key(name);
        let profile = ProfileKeys {
            lto: (is_silent("lto") && !is_incremental).then(|| lto.into()),
            codegen_units: is_silent("codegen-units").then_some(1),
            opt_level: (is_silent("opt-level") && wanted == Optimization::Size).then(|| "s".into()),
            ..ProfileKeys::default()
        };
        Self { profile, target_features: features }
    }

    /// One line for the user; none if nothing was chosen.
    pub(super) fn describe(&self) -> Option<String> {
        let settings = self.profile.table();
        let settings = settings.iter().map(|(name, value)| format!("{name} = {value}"));
        let features = self.target_features.iter().map(|name| format!("target feature {name}"));
        let chosen: Vec<String> = settings.chain(features).collect();
        (!chosen.is_empty()).then(|| {
            format!("{}, of which the package says nothing (`--profile-as-is` does not)", chosen.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(wanted: Optimization, stated: &str, crates: usize) -> String {
        let chosen = Tuning::choose(wanted, &stated.parse().unwrap(), crates, Vec::new());
        let settings = chosen.profile.table();
        settings.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_the_package_says_stays() {
        let speed = |stated: &str| check(Optimization::Speed, stated, 30);
        assert_eq!(speed(""), "codegen-units=1 lto=\"fat\"");
        assert_eq!(speed("strip = true\npanic = 'unwind'"), "codegen-units=1 lto=\"fat\"");
        assert_eq!(speed("lto = false"), "codegen-units=1");
        assert_eq!(speed("codegen-units = 16\nlto = 'thin'\nopt-level = 2"), "");
        assert_eq!(speed("incremental = true"), "codegen-units=1");
        assert_eq!(speed("incremental = false"), "codegen-units=1 lto=\"fat\"");
        assert_eq!(check(Optimization::Speed, "", 400), "codegen-units=1 lto=\"thin\"");
    }

    #[test]
    fn what_is_chosen_serves_what_the_wheel_is_optimized_for() {
        assert_eq!(check(Optimization::Size, "", 30), "codegen-units=1 lto=\"fat\" opt-level=\"s\"");
        assert_eq!(check(Optimization::Size, "opt-level = 3", 30), "codegen-units=1 lto=\"fat\"");
        assert_eq!(check(Optimization::None, "", 30), "");
        assert_eq!(Tuning::default().describe(), None);
        let choose = |wanted| Tuning::choose(wanted, &toml::Table::new(), 30, vec!["simd128"]);
        assert_eq!(
            choose(Optimization::Size).describe().unwrap(),
            "codegen-units = 1, lto = \"fat\", opt-level = \"s\", target feature simd128, of which the package says \
             nothing (`--profile-as-is` does not)"
        );
        assert_eq!(choose(Optimization::None), Tuning::default());
    }
}
