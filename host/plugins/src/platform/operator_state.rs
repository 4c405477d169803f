//! What the operator decided by command: which plugins are disabled, and what was granted when a
//! file was installed. Stored in `plugins.toml` in the data folder; the configuration takes precedence.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::model::plugin_settings::PluginSettings;
use crate::plain_file;

const HEAD: &str = "# Written by `waxwing plugin enable, disable and install`. The configuration takes precedence.\n\n";

/// The largest file that is read, in bytes.
const MAX_BYTES: u64 = 4 << 20;

/// The file of overrides. Only the process that holds the lock of the data folder opens it.
#[derive(Debug)]
pub struct OperatorOverrides {
    path: PathBuf,
    kept: Mutex<Kept>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
struct Kept {
    plugin: BTreeMap<String, Choice>,
}

/// What was decided about one plugin.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
struct Choice {
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    disabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    granted: Option<Granted>,
}

/// Grants, and the one component that they were given to: a file that takes its name inherits none.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Granted {
    sha256: String,
    grants: Vec<String>,
}

impl OperatorOverrides {
    /// Reads the file; one that is not there decides nothing.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let kept = match plain_file::read_to_string(path, MAX_BYTES) {
            Ok(text) => toml::from_str(&text)
                .with_context(|| format!("cannot understand {}", path.display()))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Kept::default(),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", path.display()));
            }
        };
        Ok(Self {
            path: path.to_owned(),
            kept: Mutex::new(kept),
        })
    }

    /// Disables a plugin until it is enabled again.
    pub fn disable(&self, name: &str) -> anyhow::Result<()> {
        self.change(|plugins| plugins.entry(name.to_owned()).or_default().disabled = true)
    }

    /// Enables plugins again.
    pub fn enable<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> anyhow::Result<()> {
        self.change(|plugins| {
            for name in names {
                if let Some(choice) = plugins.get_mut(name) {
                    choice.disabled = false;
                }
            }
        })
    }

    /// Grants to the component with that SHA-256, in place of what was granted under its name before.
    pub fn grant(&self, name: &str, sha256: &str, grants: Vec<String>) -> anyhow::Result<()> {
        let granted = Granted {
            sha256: sha256.to_owned(),
            grants,
        };
        self.change(|plugins| plugins.entry(name.to_owned()).or_default().granted = Some(granted))
    }

    /// Whether a plugin was disabled by command.
    #[must_use]
    pub fn is_disabled(&self, name: &str) -> bool {
        let kept = self.kept.lock();
        kept.plugin.get(name).is_some_and(|choice| choice.disabled)
    }

    /// The names of all plugins that were disabled by command.
    pub(crate) fn disabled(&self) -> BTreeSet<String> {
        let kept = self.kept.lock();
        let disabled = kept.plugin.iter().filter(|(_, choice)| choice.disabled);
        disabled.map(|(name, _)| name.clone()).collect()
    }

    /// The operator's table with the grants that were given to this very component, where the table has none.
    pub(crate) fn complete(
        &self,
        name: &str,
        sha256: &str,
        mut table: PluginSettings,
    ) -> PluginSettings {
        if table.grants.is_none() {
            let kept = self.kept.lock();
            let granted = kept
                .plugin
                .get(name)
                .and_then(|choice| choice.granted.as_ref());
            table.grants = granted
                .filter(|granted| granted.sha256 == sha256)
                .map(|granted| granted.grants.clone());
        }
        table
    }

    /// Changes what is kept, and writes it before it holds.
    fn change(&self, change: impl FnOnce(&mut BTreeMap<String, Choice>)) -> anyhow::Result<()> {
        let mut kept = self.kept.lock();
        let mut new = kept.clone();
        change(&mut new.plugin);
        new.plugin.retain(|_, choice| *choice != Choice::default());
        self.write(&new)
            .with_context(|| format!("cannot write {}", self.path.display()))?;
        *kept = new;
        Ok(())
    }

    fn write(&self, kept: &Kept) -> anyhow::Result<()> {
        let text = format!("{HEAD}{}", toml::to_string(kept)?);
        Ok(plain_file::replace(&self.path, text.as_bytes(), 0o644)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_outlive_the_process_and_grants_hold_for_one_component() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plugins.toml");
        let choices = OperatorOverrides::open(&path).unwrap();
        choices.disable("a").unwrap();
        choices.disable("b").unwrap();
        choices
            .grant("b", "0123", vec!["inbound".to_owned()])
            .unwrap();
        choices.enable(["a", "c"]).unwrap();

        let again = OperatorOverrides::open(&path).unwrap();
        assert_eq!(again.disabled(), BTreeSet::from(["b".to_owned()]));
        let granted = |sha256, table| again.complete("b", sha256, table).grants;
        let inbound = Some(vec!["inbound".to_owned()]);
        assert_eq!(granted("0123", PluginSettings::default()), inbound);
        assert_eq!(granted("4567", PluginSettings::default()), None);
        // The operator's table stands over it.
        let table = PluginSettings {
            grants: Some(Vec::new()),
            ..PluginSettings::default()
        };
        assert_eq!(granted("0123", table), Some(Vec::new()));
    }

    #[test]
    fn a_file_that_is_not_understood_is_no_empty_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plugins.toml");
        std::fs::write(&path, "[plugin.a]\ndisabeld = true\n").unwrap();
        let error = format!("{:#}", OperatorOverrides::open(&path).unwrap_err());
        assert!(error.contains("disabeld"), "{error}");
    }
}
