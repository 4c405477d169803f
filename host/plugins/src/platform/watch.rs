//! Watching the plugins folder.
//!
//! A look at the folder compares what is behind each name with what the previous look found: that finds files that are
//! links or lie behind links, a folder that was made anew, and file systems that report nothing (NFS). The folder is looked at
//! every [`LOOK`], and at once when the system reports a change in it. A file that is still being copied is loaded when it has
//! rested for a moment; loaded too early all the same, it fails, the old version goes on, and the next change brings the next
//! try.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use notify::event::ModifyKind;
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use parking_lot::{Condvar, Mutex};
use tokio::sync::mpsc;

use crate::platform::sources::plugin_name;

/// How long a file must not have changed before it is loaded.
const REST: Duration = Duration::from_millis(150);

/// How often the folder is looked at where the system reports nothing.
const LOOK: Duration = Duration::from_secs(2);

/// A watched folder. Dropped, it is watched no more, and [`Changed::next`] ends.
pub(crate) struct Watch {
    reports: Arc<Reports>,
}

/// The names of plugins whose files changed.
pub(crate) struct Changed(mpsc::Receiver<BTreeSet<String>>);

impl Watch {
    /// Watches a folder for files that differ from those of the first listing.
    pub(crate) fn start(folder: &Path, first: Listing) -> anyhow::Result<(Self, Changed)> {
        let reports = Arc::new(Reports::default());
        let (sender, receiver) = mpsc::channel(1);
        let mut watcher = Watcher {
            folder: folder.to_owned(),
            reports: Arc::clone(&reports),
            system: None,
            warned: None,
            latest: first,
        };
        // A thread of its own, which is never joined: a file system may not answer for as long as it likes.
        std::thread::Builder::new()
            .name("plugins-folder".to_owned())
            .spawn(move || watcher.run(&sender))
            .context("cannot start the thread that watches the plugins folder")?;
        Ok((Self { reports }, Changed(receiver)))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.reports.stop();
    }
}

impl Changed {
    /// Waits until files have changed and then rested for a moment; the names of their plugins. None when the watch has ended.
    pub(crate) async fn next(&mut self) -> Option<BTreeSet<String>> {
        self.0.recv().await
    }
}

/// What a look at a folder found.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// The folder itself; none where there is none.
    folder: Option<FolderId>,
    /// What is behind each plugin's file; none where that cannot be said, as of a link to nothing.
    files: BTreeMap<String, Option<FileId>>,
}

/// Device and inode.
type FolderId = (u64, u64);

/// What is different when a file was written, replaced, or when a link leads to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileId {
    file: (u64, u64),
    size: u64,
    modified: (i64, i64),
    /// Changes with the right to read it, too.
    changed: (i64, i64),
}

impl FileId {
    fn of(metadata: &Metadata) -> Self {
        Self {
            file: (metadata.dev(), metadata.ino()),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

impl Listing {
    /// Looks at a folder. One that is not there has no files; one that cannot be read is an error, since its files may well be
    /// there.
    pub(crate) fn of(folder: &Path) -> io::Result<Self> {
        let read = || -> io::Result<Self> {
            let metadata = std::fs::metadata(folder)?;
            let mut files = BTreeMap::new();
            for entry in std::fs::read_dir(folder)? {
                let path = entry?.path();
                if let Some(name) = plugin_name(&path) {
                    let metadata = std::fs::metadata(&path).ok();
                    files.insert(name, metadata.as_ref().map(FileId::of));
                }
            }
            Ok(Self {
                folder: Some((metadata.dev(), metadata.ino())),
                files,
            })
        };
        match read() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            listing => listing,
        }
    }

    /// The plugins that it has files for.
    pub(crate) fn names(&self) -> impl Iterator<Item = &String> {
        self.files.keys()
    }

    /// The plugins whose files are other ones there.
    fn differing(&self, other: &Self) -> BTreeSet<String> {
        let names = self.files.keys().chain(other.files.keys());
        let differing = names.filter(|name| self.files.get(*name) != other.files.get(*name));
        differing.cloned().collect()
    }
}

/// What the system reported since it was last asked.
#[derive(Default)]
struct Reports {
    news: Mutex<News>,
    came: Condvar,
}

#[derive(Default)]
struct News {
    /// Plugins whose files it named.
    names: BTreeSet<String>,
    /// Whether anything was reported.
    any: bool,
    /// Whether the folder was removed or moved: the system reports no more of what has its name.
    gone: bool,
    stop: bool,
}

impl Reports {
    fn event(&self, folder: &Path, event: &notify::Event) {
        if matches!(event.kind, EventKind::Access(_)) {
            return;
        }
        let mut news = self.news.lock();
        news.any = true;
        news.names
            .extend(event.paths.iter().filter_map(|path| plugin_name(path)));
        let goes = matches!(
            event.kind,
            EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_))
        );
        news.gone |= goes && event.paths.iter().any(|path| path == folder);
        self.came.notify_one();
    }

    /// What came so far.
    fn take(&self) -> News {
        let mut news = self.news.lock();
        let stop = news.stop;
        std::mem::replace(
            &mut *news,
            News {
                stop,
                ..News::default()
            },
        )
    }

    /// Waits until something comes, or for so long.
    fn wait(&self, most: Duration) {
        let mut news = self.news.lock();
        if !news.any && !news.stop {
            self.came.wait_for(&mut news, most);
        }
    }

    /// Waits for [`REST`], whatever is reported, unless the watch ends.
    fn rest(&self) {
        let mut news = self.news.lock();
        self.came.wait_while_for(&mut news, |news| !news.stop, REST);
    }

    fn stop(&self) {
        self.news.lock().stop = true;
        self.came.notify_one();
    }
}

/// The thread that looks.
struct Watcher {
    folder: PathBuf,
    reports: Arc<Reports>,
    /// The system's reports, and the folder that they are about.
    system: Option<(RecommendedWatcher, FolderId)>,
    /// What was said last about a folder that cannot be watched.
    warned: Option<String>,
    latest: Listing,
}

impl Watcher {
    fn run(&mut self, changes: &mpsc::Sender<BTreeSet<String>>) {
        // Changed, and not known to be at rest.
        let mut pending = BTreeSet::new();
        while !changes.is_closed() {
            let News {
                names, gone, stop, ..
            } = self.reports.take();
            if stop {
                return;
            }
            if gone {
                self.system = None;
            }
            let mut restless = names;
            restless.extend(self.look());
            let due: BTreeSet<String> = pending.difference(&restless).cloned().collect();
            pending = restless;
            if !due.is_empty() && changes.blocking_send(due).is_err() {
                return;
            }
            if pending.is_empty() {
                self.reports.wait(LOOK);
            } else {
                self.reports.rest();
            }
        }
    }

    /// The plugins whose files are other ones than at the last look. Has the system report what happens from now on.
    fn look(&mut self) -> BTreeSet<String> {
        let reporting = self.have_reported();
        let listing = Listing::of(&self.folder);
        let listing = listing.with_context(|| format!("cannot read {}", self.folder.display()));
        let problem = match (&listing, reporting) {
            (Ok(listing), _) if listing.folder.is_none() => Some(format!(
                "the plugins folder {} is not there; it is looked for every {} s",
                self.folder.display(),
                LOOK.as_secs()
            )),
            (Err(error), _) => Some(format!(
                "changes in the plugins folder are not noticed: {error:#}; what serves goes on"
            )),
            (Ok(_), Err(error)) => Some(format!(
                "the system does not report changes in the plugins folder: {error:#}; it is looked at every {} s",
                LOOK.as_secs()
            )),
            (Ok(_), Ok(())) => None,
        };
        if let Some(problem) = problem
            .as_ref()
            .filter(|&now| self.warned.as_ref() != Some(now))
        {
            tracing::warn!("{problem}");
        }
        self.warned = problem;
        let Ok(listing) = listing else {
            return BTreeSet::new();
        };
        let differing = listing.differing(&self.latest);
        self.latest = listing;
        differing
    }

    /// Asks the system for reports of the folder that is at the path now, unless it gives them already.
    fn have_reported(&mut self) -> anyhow::Result<()> {
        let metadata = std::fs::metadata(&self.folder)?;
        let now = (metadata.dev(), metadata.ino());
        if self.system.as_ref().is_some_and(|(_, of)| *of == now) {
            return Ok(());
        }
        self.system = None;
        let (reports, folder) = (Arc::clone(&self.reports), self.folder.clone());
        let mut watcher =
            notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
                if let Ok(event) = event {
                    reports.event(&folder, &event);
                }
            })?;
        watcher.watch(&self.folder, RecursiveMode::NonRecursive)?;
        self.system = Some((watcher, now));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    /// As a mounted `ConfigMap` is replaced: two links, of which only the first, whose name is no plugin's, is changed.
    #[test]
    fn a_look_finds_what_changes_behind_links() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for version in ["..1", "..2"] {
            std::fs::create_dir(path(version)).unwrap();
            std::fs::write(path(version).join("a.wasm"), version).unwrap();
        }
        symlink("..1", path("..data")).unwrap();
        symlink("..data/a.wasm", path("a.wasm")).unwrap();
        std::fs::write(path("b.wasm"), "b").unwrap();
        let before = Listing::of(folder.path()).unwrap();
        symlink("..2", path("..new")).unwrap();
        std::fs::rename(path("..new"), path("..data")).unwrap();
        let after = Listing::of(folder.path()).unwrap();
        assert_eq!(after.differing(&before), names(&["a"]));
        // A link to nothing is another thing than no link.
        std::fs::remove_dir_all(path("..2")).unwrap();
        let dangling = Listing::of(folder.path()).unwrap();
        assert_eq!(dangling.differing(&after), names(&["a"]));
        std::fs::remove_file(path("a.wasm")).unwrap();
        let none = Listing::of(folder.path()).unwrap();
        assert_eq!(none.differing(&dangling), names(&["a"]));
    }

    #[test]
    fn a_folder_that_is_gone_has_no_files_and_one_that_cannot_be_read_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.wasm"), "a").unwrap();
        let there = Listing::of(folder.path()).unwrap();
        let gone = Listing::of(&folder.path().join("plugins")).unwrap();
        assert_eq!(there.differing(&gone), names(&["a"]));
        assert_eq!(gone.folder, None);
        assert!(Listing::of(&folder.path().join("a.wasm")).is_err());
    }
}
