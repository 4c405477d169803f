//! The files of a new plugin in Rust. The SDK comes along, since it is in no registry; it lies so that its own manifests and
//! its path to the WIT hold unchanged.

use std::borrow::Cow;

use anyhow::Context;
use toml::{Table, Value};

/// Sources as they are: the path in the new folder, and the text.
const EMBEDDED: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/template.rs"));
const PACKAGE: &str = include_str!("../../../../../guest-plugins/templates/rust/Cargo.toml");
const README: &str = include_str!("../../../../../guest-plugins/templates/rust/README.md");
/// The workspace that the SDK is built and tested in here, with the versions of what it depends on.
const WORKSPACE: &str = include_str!("../../../../../guest-plugins/Cargo.toml");
const LOCK: &str = include_str!("../../../../../guest-plugins/Cargo.lock");
const IGNORED: &str = "/target\n/*.wasm\n";

/// How the template is called where a plugin has its name.
const NAME: &str = "template";
/// Where the members of [`WORKSPACE`] that come along lie in the new folder.
const SDK: &str = "waxwing";

/// A file of a new plugin: its path in the folder, and its content.
pub(super) type File = (&'static str, Cow<'static, [u8]>);

/// Every file of a plugin called `name`.
pub(super) fn files(name: &str) -> anyhow::Result<Vec<File>> {
    let written = [
        ("Cargo.toml", manifest(name)?),
        ("Cargo.lock", LOCK.to_owned()),
        ("README.md", README.replace(NAME, name)),
        (".gitignore", IGNORED.to_owned()),
    ];
    let written = written.map(|(path, text)| (path, Cow::Owned(text.into_bytes())));
    let embedded = EMBEDDED
        .iter()
        .map(|&(path, text)| (path, Cow::Borrowed(text)));
    Ok(written.into_iter().chain(embedded).collect())
}

/// The manifest of the plugin, which is also the workspace that the SDK inherits from.
fn manifest(name: &str) -> anyhow::Result<String> {
    let mut tables: Table = WORKSPACE.parse()?;
    let workspace = tables.get_mut("workspace").and_then(Value::as_table_mut);
    let workspace = workspace.context("there is no [workspace]")?;
    let sdk =
        ["sdk/rust", "sdk/rust-derive"].map(|member| Value::String(format!("{SDK}/{member}")));
    workspace.insert("members".to_owned(), Value::Array(sdk.to_vec()));
    let dependencies = workspace.get_mut("dependencies");
    let dependencies = dependencies.and_then(Value::as_table_mut);
    let dependencies = dependencies.context("there are no [workspace.dependencies]")?;
    // The SDK takes nothing else from there; what the examples take does not come along.
    dependencies.retain(|_, dependency| dependency.get("path").is_some());
    for (_, dependency) in dependencies {
        if let Some(Value::String(path)) = dependency.get_mut("path") {
            *path = format!("{SDK}/{path}");
        }
    }
    let package = PACKAGE.replace(&format!("\"{NAME}\""), &format!("\"{name}\""));
    let tables = toml::to_string_pretty(&tables)?;
    Ok(format!(
        "{package}\n# What the SDK in {SDK}/ is built with, and how plugins are optimised.\n{tables}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, path: &str) -> String {
        let files = files(name).unwrap();
        let found: Vec<_> = files.iter().filter(|(found, _)| *found == path).collect();
        assert_eq!(found.len(), 1, "{path}");
        String::from_utf8(found[0].1.to_vec()).unwrap()
    }

    #[test]
    fn the_sdk_the_interfaces_and_a_hook_come_along() {
        for path in [
            "src/lib.rs",
            "waxwing/sdk/rust/Cargo.toml",
            "waxwing/sdk/rust/src/lib.rs",
            "waxwing/sdk/rust/src/harness/mod.rs",
            "waxwing/sdk/rust-derive/Cargo.toml",
            "waxwing/sdk/rust-derive/src/lib.rs",
            "wit/world.wit",
            "wit/stanzas.wit",
        ] {
            assert!(!file("greeter", path).is_empty(), "{path}");
        }
        assert!(
            files("greeter")
                .unwrap()
                .iter()
                .all(|(path, _)| !path.contains("target") && !path.contains(".."))
        );
    }

    #[test]
    fn the_manifest_is_a_package_and_the_workspace_that_the_sdk_inherits() {
        let manifest: Table = file("greeter", "Cargo.toml").parse().unwrap();
        let ours: Table = WORKSPACE.parse().unwrap();
        assert_eq!(manifest["package"]["name"].as_str(), Some("greeter"));
        assert_eq!(manifest["profile"], ours["profile"]);
        let (workspace, ours) = (&manifest["workspace"], &ours["workspace"]);
        assert_eq!(workspace["package"], ours["package"]);
        assert_eq!(workspace["lints"], ours["lints"]);
        let members = workspace["members"].as_array().unwrap();
        for member in members {
            let path = format!("{}/Cargo.toml", member.as_str().unwrap());
            let sdk: Table = file("greeter", &path).parse().unwrap();
            let name = sdk["package"]["name"].as_str().unwrap();
            assert_eq!(workspace["dependencies"][name]["path"], *member);
        }
        assert_eq!(members.len(), 2);
        let dependencies = workspace["dependencies"].as_table().unwrap();
        assert_eq!(
            dependencies.len(),
            2,
            "the SDK would miss one: {dependencies:?}"
        );
    }

    #[test]
    fn the_name_stands_wherever_the_template_has_its_own() {
        for path in ["Cargo.toml", "README.md", "src/lib.rs"] {
            let text = file("greeter", path);
            assert!(!text.contains(NAME), "{path}: {text}");
        }
        assert!(file("greeter", "README.md").contains("install greeter.wasm --grant"));
    }
}
