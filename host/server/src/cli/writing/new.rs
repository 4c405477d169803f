//! `waxwing plugin new`

use std::{
    fs,
    io::{self, ErrorKind},
    path::Path,
};

use anyhow::{Context, bail};
use waxwing_plugins::is_plugin_name;

use super::{super::say, template};

/// What the SDK's packages are called, which lie in the same workspace.
const RESERVED: &str = "waxwing-plugin";

/// Makes the folder `name` in `dir`.
pub(super) fn make(name: &str, dir: &Path) -> anyhow::Result<()> {
    if !is_plugin_name(name) {
        bail!(
            "`{name}` is not a plugin's name: use 1 to 64 lower-case letters, digits and hyphens, a letter first"
        );
    }
    if name.starts_with(RESERVED) {
        bail!("names that begin with `{RESERVED}` are the SDK's; choose another than `{name}`");
    }
    let folder = dir.join(name);
    write(name, &folder)?;
    let shown = folder.display();
    Ok(say(&format!(
        "made {shown}; `waxwing plugin build {shown}` makes a component of it"
    ))?)
}

/// Writes all files into a new folder, or leaves none.
fn write(name: &str, folder: &Path) -> anyhow::Result<()> {
    let files = template::files(name)?;
    fs::create_dir(folder).map_err(|error| cannot_make(folder, error))?;
    for (path, content) in files {
        let path = folder.join(path);
        if let Err(error) = write_file(&path, &content) {
            // The folder was made by us a moment ago. If it cannot go either, the first error says more.
            let _ = fs::remove_dir_all(folder);
            return Err(error).with_context(|| format!("cannot write {}", path.display()));
        }
    }
    Ok(())
}

fn cannot_make(folder: &Path, error: io::Error) -> anyhow::Error {
    let shown = folder.display();
    if error.kind() == ErrorKind::AlreadyExists {
        return anyhow::anyhow!("{shown} is there already; choose another name or --dir");
    }
    anyhow::Error::from(error).context(format!("cannot make the folder {shown}"))
}

fn write_file(path: &Path, content: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, content)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;

    fn refusal(name: &str, dir: &Path) -> String {
        let error = make(name, dir).unwrap_err();
        format!("{error:#}")
    }

    #[test]
    fn a_new_folder_has_the_plugin_and_what_it_needs() {
        let dir = TempDir::new().unwrap();
        make("greeter", dir.path()).unwrap();
        let manifest = fs::read_to_string(dir.path().join("greeter/Cargo.toml")).unwrap();
        assert!(manifest.contains("name = \"greeter\""), "{manifest}");
        for path in ["src/lib.rs", "waxwing/sdk/rust/src/lib.rs", "wit/world.wit"] {
            assert!(dir.path().join("greeter").join(path).is_file(), "{path}");
        }
    }

    #[test]
    fn what_is_there_is_left_alone() {
        let dir = TempDir::new().unwrap();
        fs::create_dir(dir.path().join("folder")).unwrap();
        fs::write(dir.path().join("file"), "mine").unwrap();
        for name in ["folder", "file"] {
            let refused = refusal(name, dir.path());
            assert!(refused.contains("is there already"), "{refused}");
        }
        assert_eq!(fs::read(dir.path().join("file")).unwrap(), b"mine");
        let left = fs::read_dir(dir.path().join("folder")).unwrap().count();
        assert_eq!(left, 0);
        let refused = refusal("x", &dir.path().join("absent"));
        assert!(refused.contains("cannot make the folder"), "{refused}");
    }

    #[test]
    fn names_that_no_plugin_may_have_are_refused() {
        let dir = TempDir::new().unwrap();
        let long = "a".repeat(65);
        let bad = [
            "", "Greeter", "9p", "-p", "a_b", "../p", "a/b", "p.wasm", "ä", &long,
        ];
        for name in bad {
            let refused = refusal(name, dir.path());
            assert!(refused.contains("not a plugin's name"), "{refused}");
        }
        for name in ["waxwing-plugin", "waxwing-plugin-derive"] {
            let refused = refusal(name, dir.path());
            assert!(refused.contains("the SDK's"), "{refused}");
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
