//! `cargo xtask lint`: the layers of each crate. A crate's root names its layers, bottom first, as the list below a
//! heading `# Layers` in its documentation; each top-level module is one. An import from a lower layer to a higher one
//! fails, and so does a circle of files that import each other, unless it is small.
//!
//! What is read is `use`, `pub use` and paths that begin with `crate`, `super` or `self`, resolved to the file that
//! defines the name: a re-export hides no import. Tests (`#[cfg(test)]`) may import what they like.

mod source;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use source::{Path as ImportPath, Source};

/// The crates that are looked at, by their folders.
const CRATES: [&str; 2] = ["host/plugins", "host/server"];

/// The heading over the list of layers in a crate's documentation.
const HEADING: &str = "# Layers";

/// Files that may import each other in a circle, whichever they are.
const MAX_CIRCLE: usize = 3;
/// Files that may, where they are a module and its own children.
const MAX_FAMILY: usize = 8;

/// Checks all crates, and lists everything that is wrong.
pub(crate) fn check(root: &Path) -> Result<()> {
    let mut wrong = String::new();
    for folder in CRATES {
        let tree = Tree::read(&root.join(folder).join("src"))?;
        for problem in tree.problems()? {
            let _ = writeln!(wrong, "{folder}/src/{problem}");
        }
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        bail!("imports that the layers of a crate forbid:\n{wrong}")
    }
}

/// The source files of one crate, by their module paths; the crate's root is the empty path.
struct Tree {
    files: BTreeMap<Vec<String>, Module>,
    layers: Vec<String>,
}

struct Module {
    /// The file, from the crate's `src`.
    file: String,
    source: Source,
}

/// One import of a file by another.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Arrow {
    from: Vec<String>,
    line: usize,
    to: Vec<String>,
}

impl Tree {
    /// Reads all Rust files below a folder.
    fn read(folder: &Path) -> Result<Self> {
        let mut texts = BTreeMap::new();
        let mut open = vec![folder.to_owned()];
        while let Some(next) = open.pop() {
            let entries = fs::read_dir(&next);
            for entry in entries.with_context(|| format!("cannot read {}", next.display()))? {
                let path = entry?.path();
                if path.is_dir() {
                    open.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    let text = fs::read_to_string(&path)
                        .with_context(|| format!("cannot read {}", path.display()))?;
                    let name = path.strip_prefix(folder)?.display().to_string();
                    texts.insert(name, text);
                }
            }
        }
        Self::of(texts)
    }

    /// The tree of these files, by their names from `src`.
    fn of(texts: BTreeMap<String, String>) -> Result<Self> {
        let mut layers = Vec::new();
        let mut files = BTreeMap::new();
        for (file, text) in texts {
            let path = module_path(&file);
            if path.is_empty() && layers.is_empty() {
                layers = layers_in(&text);
            }
            // A crate may have both roots: the binary's is the smaller part.
            if path.is_empty() && file == "main.rs" && files.contains_key(&path) {
                continue;
            }
            let source =
                Source::parse(&text).with_context(|| format!("cannot understand {file}"))?;
            files.insert(path, Module { file, source });
        }
        if layers.is_empty() {
            bail!("the crate's documentation lists no layers below the heading `{HEADING}`");
        }
        let mut tree = Self { files, layers };
        tree.leave_out_tests();
        Ok(tree)
    }

    /// Takes out the modules that exist only in tests, and all below them.
    fn leave_out_tests(&mut self) {
        let mut tests: Vec<Vec<String>> = Vec::new();
        for (path, module) in &self.files {
            tests.extend(module.source.test_modules.iter().map(|name| {
                let mut test = path.clone();
                test.push(name.clone());
                test
            }));
        }
        self.files
            .retain(|path, _| !tests.iter().any(|test| path.starts_with(test)));
    }

    /// Everything that is wrong, a line each, with the file and the line of the import.
    fn problems(&self) -> Result<Vec<String>> {
        let arrows = self.arrows();
        let mut problems = self.unknown_layers();
        problems.extend(arrows.iter().filter_map(|arrow| self.upward(arrow)));
        problems.extend(self.circles(&arrows)?);
        Ok(problems)
    }

    fn unknown_layers(&self) -> Vec<String> {
        let present: BTreeSet<&String> =
            self.files.keys().filter_map(|path| path.first()).collect();
        let unlisted = present
            .iter()
            .filter(|name| !self.layers.contains(name))
            .map(|name| {
                format!("{name}: no layer of this name is listed in the crate's documentation")
            });
        let absent = self
            .layers
            .iter()
            .filter(|name| !present.contains(name))
            .map(|name| {
                format!("{name}: a layer of this name is listed, and there is no such module")
            });
        unlisted.chain(absent).collect()
    }

    /// The height of a file's layer. The crate's root is above all.
    fn height(&self, path: &[String]) -> usize {
        let layer = path.first();
        let at = layer.and_then(|layer| self.layers.iter().position(|one| one == layer));
        at.unwrap_or(self.layers.len())
    }

    /// What to say of an import that runs upward.
    fn upward(&self, arrow: &Arrow) -> Option<String> {
        if self.height(&arrow.to) <= self.height(&arrow.from) {
            return None;
        }
        let layer = |path: &[String]| {
            path.first()
                .map_or("the crate's root", String::as_str)
                .to_owned()
        };
        Some(format!(
            "{}:{}: layer `{}` imports `{}` of the higher layer `{}`",
            self.file(&arrow.from),
            arrow.line,
            layer(&arrow.from),
            arrow.to.join("::"),
            layer(&arrow.to)
        ))
    }

    fn file(&self, path: &[String]) -> &str {
        self.files.get(path).map_or("?", |module| &module.file)
    }

    /// All imports of one file by another, without the declarations of modules.
    fn arrows(&self) -> Vec<Arrow> {
        let mut arrows = Vec::new();
        for (path, module) in &self.files {
            for import in &module.source.imports {
                if let Some(to) = self.target(path, import).filter(|to| to != path) {
                    arrows.push(Arrow {
                        from: path.clone(),
                        line: import.line,
                        to,
                    });
                }
            }
        }
        arrows
    }

    /// The file that an import leads to; none for what is not of this crate.
    fn target(&self, from: &[String], import: &ImportPath) -> Option<Vec<String>> {
        let absolute = self.absolute(from, &import.segments)?;
        Some(self.resolve(&absolute, MAX_FAMILY))
    }

    /// The path from the crate's root, if it is one of this crate.
    fn absolute(&self, from: &[String], segments: &[String]) -> Option<Vec<String>> {
        let mut base = from.to_vec();
        let mut rest = segments;
        match segments.first()?.as_str() {
            "crate" => {
                base.clear();
                rest = rest.get(1..)?;
            }
            "self" => rest = rest.get(1..)?,
            "super" => {
                while rest.first().is_some_and(|segment| segment == "super") {
                    base.pop()?;
                    rest = rest.get(1..)?;
                }
            }
            child => {
                base.push(child.to_owned());
                if !self.files.contains_key(&base) {
                    return None;
                }
                rest = rest.get(1..)?;
            }
        }
        base.extend(rest.iter().cloned());
        Some(base)
    }

    /// The file that defines what a path names, through so many re-exports at most.
    fn resolve(&self, path: &[String], re_exports: usize) -> Vec<String> {
        let file = self.longest_file(path);
        let Some(name) = path.get(file.len()) else {
            return file;
        };
        let Some(module) = self.files.get(&file) else {
            return file;
        };
        let exported = module
            .source
            .re_exports
            .iter()
            .find(|one| one.name == *name);
        match exported.and_then(|one| self.absolute(&file, &one.segments)) {
            Some(next) if re_exports > 0 && *next != *path => {
                self.resolve(&next, re_exports.saturating_sub(1))
            }
            _ => file,
        }
    }

    /// The file of the longest beginning of a path.
    fn longest_file(&self, path: &[String]) -> Vec<String> {
        let mut file = path.to_vec();
        while !file.is_empty() && !self.files.contains_key(&file) {
            file.pop();
        }
        file
    }

    /// What to say of the circles that are too large.
    fn circles(&self, arrows: &[Arrow]) -> Result<Vec<String>> {
        let mut problems = Vec::new();
        for circle in components(arrows) {
            if circle.len() <= MAX_CIRCLE || (circle.len() <= MAX_FAMILY && is_family(&circle)) {
                continue;
            }
            let mut problem = format!("{} files import each other in a circle:", circle.len());
            for arrow in arrows {
                if circle.contains(&arrow.from) && circle.contains(&arrow.to) {
                    let (from, to) = (self.file(&arrow.from), self.file(&arrow.to));
                    write!(problem, "\n    {from}:{} imports {to}", arrow.line)?;
                }
            }
            problems.push(problem);
        }
        Ok(problems)
    }
}

/// The module that a file holds.
fn module_path(file: &str) -> Vec<String> {
    let stem = file.strip_suffix(".rs").unwrap_or(file);
    let mut path: Vec<String> = stem.split('/').map(str::to_owned).collect();
    let is_root = path.len() == 1 && matches!(stem, "lib" | "main");
    if is_root || path.last().is_some_and(|last| last == "mod") {
        path.pop();
    }
    path
}

/// The layers that a crate's documentation lists, bottom first: each item of the numbered list below the heading begins
/// with the module's name in backticks.
fn layers_in(text: &str) -> Vec<String> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("//!"));
    let below = lines
        .map(str::trim)
        .skip_while(|line| *line != HEADING)
        .skip(1);
    let list = below.take_while(|line| !line.starts_with('#'));
    list.filter_map(|line| {
        let (number, item) = line.split_once(". `")?;
        number.parse::<usize>().ok()?;
        item.split_once('`').map(|(name, _)| name.to_owned())
    })
    .collect()
}

/// Whether all files are one module and modules below it.
fn is_family(circle: &BTreeSet<Vec<String>>) -> bool {
    // The parent sorts before its children.
    circle.first().is_some_and(|parent| {
        !parent.is_empty() && circle.iter().all(|one| one.starts_with(parent))
    })
}

/// The strongly connected components of more than one file (Tarjan's algorithm).
fn components(arrows: &[Arrow]) -> Vec<BTreeSet<Vec<String>>> {
    let mut next: BTreeMap<&Vec<String>, Vec<&Vec<String>>> = BTreeMap::new();
    for arrow in arrows {
        next.entry(&arrow.from).or_default().push(&arrow.to);
    }
    let mut search = Search {
        next: &next,
        index: HashMap::new(),
        low: HashMap::new(),
        stack: Vec::new(),
        found: Vec::new(),
    };
    for &file in next.keys() {
        if !search.index.contains_key(file) {
            search.visit(file);
        }
    }
    search.found
}

struct Search<'a> {
    next: &'a BTreeMap<&'a Vec<String>, Vec<&'a Vec<String>>>,
    index: HashMap<&'a Vec<String>, usize>,
    low: HashMap<&'a Vec<String>, usize>,
    stack: Vec<&'a Vec<String>>,
    found: Vec<BTreeSet<Vec<String>>>,
}

impl<'a> Search<'a> {
    fn visit(&mut self, file: &'a Vec<String>) {
        let own = self.index.len();
        self.index.insert(file, own);
        self.low.insert(file, own);
        self.stack.push(file);
        for &to in self.next.get(file).into_iter().flatten() {
            let reached = match self.index.get(to) {
                None => {
                    self.visit(to);
                    self.low.get(to).copied()
                }
                Some(at) if self.stack.contains(&to) => Some(*at),
                Some(_) => None,
            };
            let low = self.low.entry(file).or_insert(own);
            *low = (*low).min(reached.unwrap_or(own));
        }
        if self.low.get(file) == Some(&own) {
            let at = self.stack.iter().position(|one| *one == file);
            let circle = self.stack.split_off(at.unwrap_or(0));
            if circle.len() > 1 {
                self.found.push(circle.into_iter().cloned().collect());
            }
        }
    }
}

#[cfg(test)]
mod tests;
