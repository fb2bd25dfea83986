//! What is known of build back ends: one row each.

use crate::env::Environment;

/// A build back end (PEP 517), as far as the tool must know which it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackEnd {
    /// maturin: takes cargo's choices itself, and needs them to choose its bindings.
    Maturin,
    /// setuptools, with or without setuptools-rust: compiles C by itself.
    Setuptools,
    /// Any other. It may call setuptools-rust.
    Other,
}

/// Requirements that say that a build compiles Rust.
pub(super) const RUST_REQUIREMENTS: [&str; 3] = ["maturin", "setuptools-rust", "setuptools_rust"];

/// How maturin begins to say that it failed.
pub(crate) const MATURIN_FAILED: &str = "💥 maturin failed";

/// What maturin says below that when cargo has said why.
pub(crate) const CARGO_FAILED: &str = "Failed to build a native library through cargo";

impl BackEnd {
    /// The back end that a `build-backend` names.
    pub fn of(build_backend: &str) -> Self {
        match build_backend {
            "maturin" => Self::Maturin,
            name if name.starts_with("setuptools.") => Self::Setuptools,
            _ => Self::Other,
        }
    }

    /// Whether it passes a profile and features to cargo itself: then our stand-in for cargo adds none.
    pub fn passes_cargo_choices(self) -> bool {
        self == Self::Maturin
    }

    /// Whether it can compile an extension that is C alone.
    pub(super) fn compiles_c(self) -> bool {
        self == Self::Setuptools
    }

    /// The variables that tell it a profile and features, as cargo's own arguments have them.
    pub fn choice_variables(
        self,
        environment: &Environment,
        profile: Option<&str>,
        features: &[String],
    ) -> Vec<(String, String)> {
        match self {
            Self::Maturin => {
                let own = environment.text("MATURIN_PEP517_ARGS").map(str::to_owned);
                let profile = profile.map(|profile| format!("--profile={profile}"));
                let arguments: Vec<String> =
                    own.into_iter().chain(profile).chain(features.iter().cloned()).collect();
                vec![("MATURIN_PEP517_ARGS".to_owned(), arguments.join(" "))]
            }
            Self::Setuptools | Self::Other => profile
                .map(|profile| ("SETUPTOOLS_RUST_CARGO_PROFILE".to_owned(), profile.to_owned()))
                .into_iter()
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_back_end_is_told_in_its_way() {
        let environment = Environment::from_iter([("MATURIN_PEP517_ARGS", "--strip")]);
        let features = ["--features=a".to_owned()];
        let check = |name: &str, profile| {
            let back_end = BackEnd::of(name);
            format!("{back_end:?} {:?}", back_end.choice_variables(&environment, profile, &features))
        };
        insta::assert_snapshot!(
            [
                check("maturin", Some("small")),
                check("maturin", None),
                check("setuptools.build_meta", Some("small")),
                check("poetry.core.masonry.api", None),
            ]
            .join("\n"),
            @r#"
        Maturin [("MATURIN_PEP517_ARGS", "--strip --profile=small --features=a")]
        Maturin [("MATURIN_PEP517_ARGS", "--strip --features=a")]
        Setuptools [("SETUPTOOLS_RUST_CARGO_PROFILE", "small")]
        Other []
        "#
        );
    }
}
