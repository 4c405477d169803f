//! The page of one interface.

use std::fmt::Write as _;

use anyhow::Result;
use wit_parser::{Docs, Function, Type, TypeDef, TypeDefKind, TypeId};

use super::catalogue::{Catalogue, Entry, Way, free, methods, shown, since};
use super::words::{Grant, anchor, cell, linked, paragraphs};

/// Says that nobody should edit a page.
pub(super) const MADE: &str =
    "<!-- Written by `cargo xtask reference` from wit/; edit it there. -->\n";

/// The page as Markdown.
pub(super) fn page(catalogue: &Catalogue, entry: &Entry<'_>) -> Result<String> {
    let mut writer = Writer {
        catalogue,
        entry,
        since: since(&entry.interface.stability),
        out: String::new(),
    };
    writer.head()?;
    let functions: Vec<&Function> = free(entry.interface).collect();
    if !functions.is_empty() {
        writer.out.push_str("\n## Functions\n");
        for function in functions {
            writer.function(function, &function.name)?;
        }
    }
    let types = catalogue.types(entry.interface);
    if !types.is_empty() {
        writer.out.push_str("\n## Types\n");
        for (name, id, ty) in types {
            writer.ty(name, id, ty)?;
        }
    }
    Ok(writer.out)
}

struct Writer<'a> {
    catalogue: &'a Catalogue,
    entry: &'a Entry<'a>,
    /// Of the interface: an item says its own only where it is another.
    since: Option<String>,
    out: String,
}

impl Writer<'_> {
    fn head(&mut self) -> Result<()> {
        let Entry { name, way, doc, .. } = self.entry;
        let way = match way {
            Way::Export => "Export: the server calls it",
            Way::Import => "Import: the plugin calls it",
            Way::Types => "Types for the others",
        };
        let grant = match (&doc.grant, self.entry.way) {
            (Grant::Named(grant), _) => format!(" · [grant](../grants.md) `{grant}`"),
            (_, Way::Export) => " · every plugin has it".to_owned(),
            (_, Way::Import) => " · no grant needed".to_owned(),
            (_, Way::Types) => String::new(),
        };
        let since = self.since.as_deref().unwrap_or("?");
        writeln!(self.out, "{MADE}\n# {name}\n")?;
        writeln!(
            self.out,
            "*{way}{grant} · since {since} · [all interfaces](index.md)*\n"
        )?;
        let text = self.linked(&doc.text);
        writeln!(self.out, "{text}")?;
        Ok(())
    }

    fn function(&mut self, function: &Function, heading: &str) -> Result<()> {
        let signature = self.catalogue.signature(function)?;
        writeln!(self.out, "\n### {heading}\n\n```wit\n{signature}\n```\n")?;
        self.prose(&function.docs, since(&function.stability).as_deref())?;
        let mut found = Vec::new();
        for param in function.params.iter().filter(|param| param.name != "self") {
            self.catalogue.mentioned(&param.ty, &mut found)?;
        }
        if let Some(result) = &function.result {
            self.catalogue.mentioned(result, &mut found)?;
        }
        let error = self.catalogue.error(function);
        let mut failing = Vec::new();
        if let Some(error) = error {
            self.catalogue.mentioned(error, &mut failing)?;
            found.retain(|id| !failing.contains(id));
        }
        let mut notes = Vec::new();
        if !found.is_empty() {
            notes.push(format!("Types: {}.", self.links(&found)));
        }
        match error {
            Some(Type::String) => notes.push("The error is a text for people.".to_owned()),
            Some(_) if !failing.is_empty() => {
                notes.push(format!("Errors: {}.", self.links(&failing)));
            }
            _ => {}
        }
        if !notes.is_empty() {
            writeln!(self.out, "\n{}", notes.join(" "))?;
        }
        Ok(())
    }

    fn ty(&mut self, name: &str, id: TypeId, ty: &TypeDef) -> Result<()> {
        writeln!(self.out, "\n### {name}\n")?;
        let kind = match &ty.kind {
            TypeDefKind::Type(of) => format!("type = {}", self.catalogue.text(of)?),
            kind => kind.as_str().to_owned(),
        };
        write!(self.out, "*{kind}.* ")?;
        self.prose(&ty.docs, since(&ty.stability).as_deref())?;
        match &ty.kind {
            TypeDefKind::Record(record) => {
                self.out.push_str("\n| field | type | |\n|---|---|---|\n");
                for field in &record.fields {
                    let of = self.catalogue.text(&field.ty)?;
                    let of = self.typed(&field.ty, &of)?;
                    self.row(&[format!("`{}`", field.name), of], &field.docs)?;
                }
            }
            TypeDefKind::Variant(variant) => {
                self.out.push_str("\n| case | |\n|---|---|\n");
                for case in &variant.cases {
                    let shown = match &case.ty {
                        Some(of) => {
                            let text = format!("{}({})", case.name, self.catalogue.text(of)?);
                            self.typed(of, &text)?
                        }
                        None => format!("`{}`", case.name),
                    };
                    self.row(&[shown], &case.docs)?;
                }
            }
            TypeDefKind::Enum(of) => {
                let cases = of.cases.iter().map(|case| (&*case.name, &case.docs));
                self.words(cases.collect())?;
            }
            TypeDefKind::Flags(of) => {
                let flags = of.flags.iter().map(|flag| (&*flag.name, &flag.docs));
                self.words(flags.collect())?;
            }
            TypeDefKind::Resource => {
                let entry = self.entry;
                for method in methods(entry.interface, id) {
                    self.function(method, &shown(method, name))?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Cases of an enum or flags: a table where they have docs, otherwise a line.
    fn words(&mut self, words: Vec<(&str, &Docs)>) -> Result<()> {
        if words.iter().all(|(_, docs)| docs.is_empty()) {
            let words: Vec<String> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
            writeln!(self.out, "\n{}.", words.join(", "))?;
            return Ok(());
        }
        self.out.push_str("\n| case | |\n|---|---|\n");
        for (word, docs) in words {
            self.row(&[format!("`{word}`")], docs)?;
        }
        Ok(())
    }

    fn row(&mut self, cells: &[String], docs: &Docs) -> Result<()> {
        let text = self.linked(&paragraphs(docs));
        writeln!(self.out, "| {} | {} |", cells.join(" | "), cell(&text))?;
        Ok(())
    }

    fn prose(&mut self, docs: &Docs, since: Option<&str>) -> Result<()> {
        let text = self.linked(&paragraphs(docs));
        let own = since.filter(|since| self.since.as_deref() != Some(since));
        let own = own
            .map(|since| format!(" *Since {since}.*"))
            .unwrap_or_default();
        writeln!(self.out, "{text}{own}")?;
        Ok(())
    }

    /// A type's text, leading to where the type stands if it is made of exactly one that has a place.
    fn typed(&self, ty: &Type, text: &str) -> Result<String> {
        let mut found = Vec::new();
        self.catalogue.mentioned(ty, &mut found)?;
        let target = match *found {
            [only] => self.target(only),
            _ => None,
        };
        Ok(match target {
            Some(target) => format!("[`{text}`]({target})"),
            None => format!("`{text}`"),
        })
    }

    fn links(&self, types: &[TypeId]) -> String {
        let link = |id: &TypeId| {
            let (_, name) = self.catalogue.place(*id)?;
            Some(format!("[`{name}`]({})", self.target(*id)?))
        };
        types.iter().filter_map(link).collect::<Vec<_>>().join(", ")
    }

    fn target(&self, id: TypeId) -> Option<String> {
        let (interface, name) = self.catalogue.place(id)?;
        let file = if interface == self.entry.name {
            String::new()
        } else {
            format!("{interface}.md")
        };
        Some(format!("{file}#{}", anchor(name)))
    }

    fn linked(&self, text: &str) -> String {
        linked(self.catalogue, self.entry.name, text)
    }
}
