//! Watching the plugins folder. A file that is still being copied is loaded when it has rested for a moment; loaded too
//! early all the same, it fails, the old version goes on, and the next change brings the next try.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Weak;
use std::time::Duration;

use anyhow::Context as _;
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::platform::{Platform, plugin_name};

/// How long nothing must have changed before the folder is looked at.
const REST: Duration = Duration::from_millis(150);

/// Changes that are remembered at most while one is being worked on.
const BACKLOG: usize = 1_024;

/// A watched folder. Dropped, it is watched no more.
pub(crate) struct Watch {
    _watcher: RecommendedWatcher,
    task: JoinHandle<()>,
}

impl Watch {
    /// Watches a folder, and refreshes the plugins whose files change.
    pub(crate) fn start(folder: &Path, platform: Weak<Platform>) -> anyhow::Result<Self> {
        let (sender, receiver) = mpsc::channel(BACKLOG);
        let mut watcher =
            notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
                let Ok(event) = event else { return };
                if matches!(event.kind, EventKind::Access(_)) {
                    return;
                }
                for name in event.paths.iter().filter_map(|path| plugin_name(path)) {
                    // Full means that so many changes wait to be worked on; a refresh of each is due anyway.
                    let _ = sender.blocking_send(name);
                }
            })
            .context("cannot watch folders on this system")?;
        watcher
            .watch(folder, RecursiveMode::NonRecursive)
            .with_context(|| format!("cannot watch the folder {}", folder.display()))?;
        let task = tokio::spawn(refresh(receiver, platform));
        Ok(Self {
            _watcher: watcher,
            task,
        })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn refresh(mut changes: mpsc::Receiver<String>, platform: Weak<Platform>) {
    while let Some(first) = changes.recv().await {
        let mut names = BTreeSet::from([first]);
        while let Ok(Some(name)) = tokio::time::timeout(REST, changes.recv()).await {
            names.insert(name);
        }
        for name in names {
            let Some(platform) = platform.upgrade() else {
                return;
            };
            platform.refresh(&name).await;
        }
    }
}
