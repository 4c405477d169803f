//! Links within the guide.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result};

use crate::reference::anchor;

const SUMMARY: &str = "SUMMARY.md";

/// A page: the anchors of its headings, and where it leads to.
struct Page {
    anchors: BTreeSet<String>,
    links: Vec<String>,
}

/// What is wrong with the links of the pages in a folder.
pub(super) fn wrong(guide: &Path) -> Result<Vec<String>> {
    let mut pages = BTreeMap::new();
    read(guide, Path::new(""), &mut pages)?;
    let mut wrong = Vec::new();
    let mut listed: BTreeSet<PathBuf> = BTreeSet::new();
    for (file, page) in &pages {
        for link in &page.links {
            let Some((to, anchor)) = target(file, link) else {
                continue;
            };
            if file == Path::new(SUMMARY) {
                listed.insert(to.clone());
            }
            if !leads(guide, &pages, &to, &anchor) {
                wrong.push(format!("{}: `{link}` leads nowhere", file.display()));
            }
        }
    }
    let unlisted = pages
        .keys()
        .filter(|file| *file != Path::new(SUMMARY) && !listed.contains(*file));
    wrong.extend(unlisted.map(|file| format!("{} is not in {SUMMARY}", file.display())));
    Ok(wrong)
}

fn read(guide: &Path, below: &Path, pages: &mut BTreeMap<PathBuf, Page>) -> Result<()> {
    let folder = guide.join(below);
    let entries = folder
        .read_dir()
        .with_context(|| format!("cannot read the folder {}", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        let path = below.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            read(guide, &path, pages)?;
        } else if path.extension().is_some_and(|extension| extension == "md") {
            let text = fs::read_to_string(entry.path())
                .with_context(|| format!("cannot read {}", path.display()))?;
            pages.insert(path, Page::of(&text));
        }
    }
    Ok(())
}

/// The page and the anchor that a link means; none if it leaves the guide by a scheme.
fn target(from: &Path, link: &str) -> Option<(PathBuf, String)> {
    if link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
    if file.is_empty() {
        return Some((from.to_owned(), anchor.to_owned()));
    }
    let mut path = PathBuf::new();
    for part in from.parent()?.join(file).components() {
        match part {
            Component::ParentDir if path.pop() => {}
            other => path.push(other),
        }
    }
    Some((path, anchor.to_owned()))
}

fn leads(guide: &Path, pages: &BTreeMap<PathBuf, Page>, to: &Path, anchor: &str) -> bool {
    match pages.get(to) {
        Some(page) => anchor.is_empty() || page.anchors.contains(anchor),
        None => anchor.is_empty() && guide.join(to).exists(),
    }
}

impl Page {
    fn of(text: &str) -> Self {
        let mut page = Self {
            anchors: BTreeSet::new(),
            links: Vec::new(),
        };
        let mut is_code = false;
        for line in text.lines() {
            if line.trim_start().starts_with("```") {
                is_code = !is_code;
            } else if !is_code {
                page.line(line);
            }
        }
        page
    }

    fn line(&mut self, line: &str) {
        let heading = line.trim_start_matches('#');
        if heading.len() < line.len() && heading.starts_with(' ') {
            self.add(&anchor(heading));
        }
        let targets = line.split("](").skip(1);
        let targets = targets.filter_map(|rest| rest.split_once(')'));
        self.links
            .extend(targets.map(|(target, _)| target.to_owned()));
    }

    /// Headings of the same text are numbered.
    fn add(&mut self, anchor: &str) {
        let mut name = anchor.to_owned();
        let mut count = 0_u32;
        while !self.anchors.insert(name) {
            count = count.saturating_add(1);
            name = format!("{anchor}-{count}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_dead_links_and_pages_that_nobody_finds() {
        let folder = tempfile::tempdir().unwrap();
        let guide = folder.path();
        let write = |file: &str, text: &str| {
            let path = guide.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("SUMMARY.md", "- [One](one.md)\n- [Two](deep/two.md)\n");
        write(
            "one.md",
            "# One\n[fine](deep/two.md#the-end) [out](https://example.org/x) [self](#one)\n",
        );
        write(
            "deep/two.md",
            "# Two\n```\n[code](nowhere.md)\n```\n[back](../one.md)\n## The end\n",
        );
        assert_eq!(wrong(guide).unwrap(), Vec::<String>::new());
        write("deep/two.md", "# Two\n[back](one.md)\n");
        write("three.md", "# Three\n");
        assert_eq!(
            wrong(guide).unwrap(),
            [
                "deep/two.md: `one.md` leads nowhere",
                "one.md: `deep/two.md#the-end` leads nowhere",
                "three.md is not in SUMMARY.md",
            ]
        );
    }
}
