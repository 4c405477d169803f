//! What plugins are loaded from: the files of a folder, the components inside the binary, and the operator's tables.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use parking_lot::Mutex;

use crate::engine::compile::MAX_COMPONENT;
use crate::instance::plugin::Source;
use crate::model::names::is_plugin_name;
use crate::model::plugin_settings::PluginSettings;
use crate::plain_file;

/// A component inside the server's binary.
#[derive(Clone, Copy, Debug)]
pub struct BundledPlugin {
    /// Its name.
    pub name: &'static str,
    /// Its bytes.
    pub component: &'static [u8],
}

/// Where plugins come from.
pub(crate) struct Sources {
    pub(crate) folder: PathBuf,
    pub(crate) bundled: &'static [BundledPlugin],
    /// The operator's tables, by plugin name.
    pub(crate) tables: Mutex<BTreeMap<String, PluginSettings>>,
}

impl Sources {
    /// The operator's table of a plugin.
    pub(crate) fn table(&self, name: &str) -> PluginSettings {
        self.tables.lock().get(name).cloned().unwrap_or_default()
    }

    /// The names of these plugins' files, and of all bundled components.
    pub(crate) fn names<'a>(&self, files: impl Iterator<Item = &'a String>) -> BTreeSet<String> {
        let bundled = self.bundled.iter().map(|plugin| plugin.name);
        let names = files.map(String::as_str).chain(bundled);
        names.map(str::to_owned).collect()
    }

    /// What a plugin of that name is loaded from: the folder's file, else the bundled component. A file that cannot be seen to
    /// be absent (a link to nothing, a folder that cannot be read) counts as there: the operator wants no other in its place.
    pub(crate) fn find(&self, name: &str) -> Option<(Source, Option<&'static [u8]>)> {
        let file = self.folder.join(format!("{name}.wasm"));
        let is_absent = std::fs::symlink_metadata(&file).is_err_and(|error| {
            matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            )
        });
        if !is_absent {
            return Some((Source::Folder(file), None));
        }
        let bundled = self.bundled.iter().find(|plugin| plugin.name == name)?;
        Some((Source::Bundled, Some(bundled.component)))
    }
}

/// The plugin that a file of the folder is for; none for other files.
pub(crate) fn plugin_name(file: &Path) -> Option<String> {
    let name = file.file_name()?.to_str()?.strip_suffix(".wasm")?;
    is_plugin_name(name).then(|| name.to_owned())
}

/// Reads a component's file: a plain one of at most [`MAX_COMPONENT`] bytes.
pub(crate) async fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let file = path.to_owned();
    let read = move || plain_file::read(&file, MAX_COMPONENT);
    let read = tokio::task::spawn_blocking(read).await?;
    read.with_context(|| format!("cannot read {}", path.display()))
}
