//! The package as the pages need it: its interfaces, each with the way it goes and what its doc promises.

use std::path::Path;

use anyhow::{Context, Result};
use wit_parser::{
    Function, Interface, InterfaceId, PackageId, Resolve, Stability, Type, TypeDef, TypeDefKind,
    TypeId, TypeOwner, World, WorldItem,
};

use super::words::{Doc, paragraphs};

/// The world that exports everything, and the one that imports everything.
const ALL: &str = "plugin";

/// The parsed package.
pub(super) struct Catalogue {
    pub(super) resolve: Resolve,
    package: PackageId,
}

/// Which way an interface goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// The server calls it.
    Export,
    /// The plugin calls it.
    Import,
    /// It has types only, which others use.
    Types,
}

/// One interface.
pub(super) struct Entry<'a> {
    pub(super) id: InterfaceId,
    pub(super) name: &'a str,
    pub(super) way: Way,
    pub(super) interface: &'a Interface,
    pub(super) doc: Doc,
}

impl Catalogue {
    /// Reads a folder of WIT.
    pub(super) fn read(wit: &Path) -> Result<Self> {
        let mut resolve = Resolve::default();
        let (package, _) = resolve
            .push_dir(wit)
            .with_context(|| format!("cannot read the interfaces in {}", wit.display()))?;
        Ok(Self { resolve, package })
    }

    #[cfg(test)]
    pub(super) fn of_text(text: &str) -> Result<Self> {
        let mut resolve = Resolve::default();
        let package = resolve.push_str("test.wit", text)?;
        Ok(Self { resolve, package })
    }

    /// `waxwing:plugin@0.2.0`.
    pub(super) fn package(&self) -> String {
        let package = self.resolve.packages.get(self.package);
        package.map_or_else(String::new, |package| package.name.to_string())
    }

    /// All interfaces, by name.
    pub(super) fn entries(&self) -> Vec<Entry<'_>> {
        let Some(package) = self.resolve.packages.get(self.package) else {
            return Vec::new();
        };
        let mut entries: Vec<Entry<'_>> = package
            .interfaces
            .iter()
            .filter_map(|(name, id)| {
                let interface = self.resolve.interfaces.get(*id)?;
                Some(Entry {
                    id: *id,
                    name,
                    way: self.way(*id, interface),
                    interface,
                    doc: Doc::of(&interface.docs),
                })
            })
            .collect();
        entries.sort_by_key(|entry| entry.name);
        entries
    }

    /// The type of that id.
    pub(super) fn ty(&self, id: TypeId) -> Result<&TypeDef> {
        self.resolve
            .types
            .get(id)
            .context("a type without a definition")
    }

    /// The types that an interface defines itself, in the order of the text.
    pub(super) fn types<'a>(
        &'a self,
        interface: &'a Interface,
    ) -> Vec<(&'a str, TypeId, &'a TypeDef)> {
        let types = interface.types.iter();
        types
            .filter_map(|(name, id)| Some((name.as_str(), *id, self.resolve.types.get(*id)?)))
            .filter(|(_, id, _)| self.origin(*id) == *id)
            .collect()
    }

    /// Where a type that one interface uses from another is defined.
    pub(super) fn origin(&self, id: TypeId) -> TypeId {
        let Some(ty) = self.resolve.types.get(id) else {
            return id;
        };
        let TypeDefKind::Type(Type::Id(target)) = ty.kind else {
            return id;
        };
        match self.resolve.types.get(target) {
            Some(origin) if origin.owner != ty.owner => self.origin(target),
            _ => id,
        }
    }

    /// The interface and the name of a type that has one.
    pub(super) fn place(&self, id: TypeId) -> Option<(&str, &str)> {
        let ty = self.resolve.types.get(self.origin(id))?;
        let TypeOwner::Interface(owner) = ty.owner else {
            return None;
        };
        let interface = self.resolve.interfaces.get(owner)?.name.as_deref()?;
        Some((interface, ty.name.as_deref()?))
    }

    /// The item that a doc means by `interface.item`, as the heading of its page.
    pub(super) fn heading(&self, interface: &str, item: &str) -> Option<String> {
        let package = self.resolve.packages.get(self.package)?;
        let found = self
            .resolve
            .interfaces
            .get(*package.interfaces.get(interface)?)?;
        let is_there = found.functions.contains_key(item) || found.types.contains_key(item);
        is_there.then(|| item.to_owned())
    }

    /// The grants that a manifest may ask for: the words in code of the first sentence about them.
    pub(super) fn asks(&self) -> Result<Vec<String>> {
        let field = self
            .entries()
            .into_iter()
            .find(|entry| entry.name == "manifest")
            .and_then(|entry| {
                let manifest = self
                    .ty(*entry.interface.types.get("plugin-manifest")?)
                    .ok()?;
                let TypeDefKind::Record(record) = &manifest.kind else {
                    return None;
                };
                record.fields.iter().find(|field| field.name == "asks")
            })
            .context("`wit/` has no `manifest.plugin-manifest.asks`")?;
        let text = paragraphs(&field.docs);
        let list = text.split(". ").next().unwrap_or_default();
        let words = list.split('`').skip(1).step_by(2);
        Ok(words.map(str::to_owned).collect())
    }

    fn way(&self, id: InterfaceId, interface: &Interface) -> Way {
        let is_in = |item: &WorldItem| matches!(item, WorldItem::Interface { id: found, .. } if *found == id);
        let world = self.world();
        if world.is_some_and(|world| world.exports.values().any(is_in)) {
            Way::Export
        } else if interface.functions.is_empty() {
            Way::Types
        } else {
            Way::Import
        }
    }

    /// Whether the world of everything has the interface, either way.
    pub(super) fn is_listed(&self, id: InterfaceId) -> bool {
        let is_in = |item: &WorldItem| matches!(item, WorldItem::Interface { id: found, .. } if *found == id);
        self.world().is_some_and(|world| {
            let items = world.exports.values().chain(world.imports.values());
            items.into_iter().any(is_in)
        })
    }

    fn world(&self) -> Option<&World> {
        let package = self.resolve.packages.get(self.package)?;
        self.resolve.worlds.get(*package.worlds.get(ALL)?)
    }
}

/// A method's name with its resource: `element.parse`.
pub(super) fn shown(function: &Function, resource: &str) -> String {
    format!("{resource}.{}", function.item_name())
}

/// The functions of an interface that belong to no resource.
pub(super) fn free(interface: &Interface) -> impl Iterator<Item = &Function> {
    let functions = interface.functions.values();
    functions.filter(|function| function.kind.resource().is_none())
}

/// The functions of one resource.
pub(super) fn methods(interface: &Interface, resource: TypeId) -> impl Iterator<Item = &Function> {
    let functions = interface.functions.values();
    functions.filter(move |function| function.kind.resource() == Some(resource))
}

/// The version since which something is there.
pub(super) fn since(stability: &Stability) -> Option<String> {
    match stability {
        Stability::Stable { since, .. } => Some(since.to_string()),
        Stability::Unknown | Stability::Unstable { .. } => None,
    }
}
