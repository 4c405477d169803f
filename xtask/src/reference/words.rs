//! From WIT to words: docs taken apart, types as text, links.

use std::fmt::Write as _;

use anyhow::{Result, bail};
use wit_parser::{Docs, Function, Handle, Result_, Type, TypeDefKind, TypeId};

use super::catalogue::Catalogue;

/// An interface's doc, which begins `Export, needs the grant X: …`, `Export; every plugin has it: …`, `Import, needs the
/// grant X: …` or `Import, needs no grant: …`, and has a sentence that begins with `For `.
#[derive(Debug, Default)]
pub(super) struct Doc {
    /// `Export` or `Import`.
    pub(super) way: Option<&'static str>,
    pub(super) grant: Grant,
    /// The doc without how it begins, a paragraph a line.
    pub(super) text: String,
}

/// What has to be granted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Grant {
    /// The doc does not say.
    #[default]
    Unsaid,
    Nothing,
    Named(String),
}

impl Doc {
    pub(super) fn of(docs: &Docs) -> Self {
        let text = paragraphs(docs);
        let Some((lead, rest)) = text.split_once(": ") else {
            return Self {
                text,
                ..Self::default()
            };
        };
        let way = ["Export", "Import"]
            .into_iter()
            .find(|way| lead.starts_with(way));
        if way.is_none() {
            return Self {
                text,
                ..Self::default()
            };
        }
        let named = lead.split('`').nth(1).map(str::to_owned);
        let grant = match named {
            Some(name) if lead.contains("needs the grant") => Grant::Named(name),
            _ if lead.contains("needs no grant") || lead.contains("every plugin has it") => {
                Grant::Nothing
            }
            _ => Grant::Unsaid,
        };
        Self {
            way,
            grant,
            text: capitalised(rest),
        }
    }

    /// The first sentence, without its full stop.
    pub(super) fn summary(&self) -> &str {
        sentences(&self.text).next().unwrap_or_default()
    }

    /// Who would use it: what follows `For ` in the sentence that begins so.
    pub(super) fn audience(&self) -> Option<&str> {
        sentences(&self.text).find_map(|sentence| sentence.strip_prefix("For "))
    }
}

fn sentences(text: &str) -> impl Iterator<Item = &str> {
    let lines = text.lines().flat_map(|line| line.split(". "));
    lines.map(|sentence| sentence.trim().trim_end_matches('.'))
}

/// A doc with one line a paragraph, and empty lines between.
pub(super) fn paragraphs(docs: &Docs) -> String {
    let text = docs.contents.as_deref().unwrap_or_default();
    let paragraphs = text.split("\n\n").map(|paragraph| {
        let lines: Vec<&str> = paragraph.lines().map(str::trim).collect();
        lines.join(" ").trim().to_owned()
    });
    paragraphs
        .collect::<Vec<_>>()
        .join("\n\n")
        .trim()
        .to_owned()
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string());
    first.unwrap_or_default() + chars.as_str()
}

/// Text for a table's cell.
pub(super) fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace("\n\n", "<br>")
}

/// The anchor that a heading gets.
pub(crate) fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter_map(|c| match c {
        ' ' => Some('-'),
        '-' | '_' => Some(c),
        _ if c.is_alphanumeric() => Some(c),
        _ => None,
    });
    kept.flat_map(char::to_lowercase).collect()
}

/// A doc in which every `interface.item` that there is leads to its page.
pub(super) fn linked(catalogue: &Catalogue, page: &str, text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (index, piece) in text.split('`').enumerate() {
        let is_code = index % 2 == 1;
        let target = piece
            .split_once('.')
            .filter(|_| is_code)
            .and_then(|(interface, item)| Some((interface, catalogue.heading(interface, item)?)));
        match target {
            Some((interface, heading)) => {
                let file = if interface == page {
                    String::new()
                } else {
                    format!("{interface}.md")
                };
                let _ = write!(out, "[`{piece}`]({file}#{})", anchor(&heading));
            }
            None if is_code => {
                let _ = write!(out, "`{piece}`");
            }
            None => out.push_str(piece),
        }
    }
    out
}

impl Catalogue {
    /// A type as WIT writes it.
    pub(super) fn text(&self, ty: &Type) -> Result<String> {
        Ok(match ty {
            Type::Bool => "bool".to_owned(),
            Type::U8 => "u8".to_owned(),
            Type::U16 => "u16".to_owned(),
            Type::U32 => "u32".to_owned(),
            Type::U64 => "u64".to_owned(),
            Type::S8 => "s8".to_owned(),
            Type::S16 => "s16".to_owned(),
            Type::S32 => "s32".to_owned(),
            Type::S64 => "s64".to_owned(),
            Type::F32 => "f32".to_owned(),
            Type::F64 => "f64".to_owned(),
            Type::Char => "char".to_owned(),
            Type::String => "string".to_owned(),
            Type::ErrorContext => "error-context".to_owned(),
            Type::Id(id) => self.named(*id)?,
        })
    }

    fn named(&self, id: TypeId) -> Result<String> {
        let ty = self.ty(id)?;
        if let Some(name) = &ty.name {
            return Ok(name.clone());
        }
        Ok(match &ty.kind {
            TypeDefKind::Handle(Handle::Own(resource)) => self.named(*resource)?,
            TypeDefKind::Handle(Handle::Borrow(resource)) => {
                format!("borrow<{}>", self.named(*resource)?)
            }
            TypeDefKind::Option(of) => format!("option<{}>", self.text(of)?),
            TypeDefKind::List(of) => format!("list<{}>", self.text(of)?),
            TypeDefKind::Result(of) => self.result(of)?,
            TypeDefKind::Tuple(tuple) => {
                let types: Result<Vec<String>> =
                    tuple.types.iter().map(|of| self.text(of)).collect();
                format!("tuple<{}>", types?.join(", "))
            }
            TypeDefKind::Type(of) => self.text(of)?,
            other => bail!("the reference cannot show a {} yet", other.as_str()),
        })
    }

    fn result(&self, of: &Result_) -> Result<String> {
        Ok(match (&of.ok, &of.err) {
            (None, None) => "result".to_owned(),
            (Some(ok), None) => format!("result<{}>", self.text(ok)?),
            (None, Some(error)) => format!("result<_, {}>", self.text(error)?),
            (Some(ok), Some(error)) => format!("result<{}, {}>", self.text(ok)?, self.text(error)?),
        })
    }

    /// A function without its name: `func(key: string) -> bool`. A method's own object is left out, as WIT does.
    pub(super) fn signature(&self, function: &Function) -> Result<String> {
        use wit_parser::FunctionKind::{Constructor, Method, Static};
        let own = usize::from(matches!(function.kind, Method(_)));
        let params = function.params.iter().skip(own).map(|param| {
            let ty = self.text(&param.ty)?;
            Ok(format!("{}: {ty}", param.name))
        });
        let params = params.collect::<Result<Vec<_>>>()?.join(", ");
        if matches!(function.kind, Constructor(_)) {
            return Ok(format!("constructor({params})"));
        }
        let is_static = if matches!(function.kind, Static(_)) {
            "static "
        } else {
            ""
        };
        let result = match &function.result {
            Some(result) => format!(" -> {}", self.text(result)?),
            None => String::new(),
        };
        Ok(format!(
            "{}: {is_static}func({params}){result}",
            function.item_name()
        ))
    }

    /// The types with a page of their own that a type is made of, in their order, each once.
    pub(super) fn mentioned(&self, ty: &Type, found: &mut Vec<TypeId>) -> Result<()> {
        let Type::Id(id) = ty else { return Ok(()) };
        let definition = self.ty(*id)?;
        if definition.name.is_some() {
            let id = self.origin(*id);
            if !found.contains(&id) {
                found.push(id);
            }
            return Ok(());
        }
        match &definition.kind {
            TypeDefKind::Handle(Handle::Own(of) | Handle::Borrow(of)) => {
                self.mentioned(&Type::Id(*of), found)
            }
            TypeDefKind::Option(of) | TypeDefKind::List(of) | TypeDefKind::Type(of) => {
                self.mentioned(of, found)
            }
            TypeDefKind::Result(of) => {
                let both = of.ok.iter().chain(&of.err);
                both.into_iter()
                    .try_for_each(|of| self.mentioned(of, found))
            }
            TypeDefKind::Tuple(tuple) => {
                let mut types = tuple.types.iter();
                types.try_for_each(|of| self.mentioned(of, found))
            }
            _ => Ok(()),
        }
    }

    /// The error of a function that may fail.
    pub(super) fn error<'a>(&'a self, function: &'a Function) -> Option<&'a Type> {
        let Some(Type::Id(id)) = function.result else {
            return None;
        };
        match &self.resolve.types.get(id)?.kind {
            TypeDefKind::Result(of) => of.err.as_ref(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anchors_are_those_that_a_book_gives_its_headings() {
        assert_eq!(anchor("element.to-xml"), "elementto-xml");
        assert_eq!(anchor("What a call causes"), "what-a-call-causes");
    }

    #[test]
    fn a_doc_says_which_way_it_goes_what_grant_it_needs_and_whom_it_is_for() {
        let docs = |text: &str| {
            Doc::of(&Docs {
                contents: Some(text.to_owned()),
            })
        };
        let doc = docs(
            "Export, needs the grant `inbound`, since it reads: judges\nmail. For filters, and\nmore.\n\nLast.",
        );
        assert_eq!(doc.way, Some("Export"));
        assert_eq!(doc.grant, Grant::Named("inbound".to_owned()));
        assert_eq!(doc.summary(), "Judges mail");
        assert_eq!(doc.audience(), Some("filters, and more"));
        assert_eq!(doc.text, "Judges mail. For filters, and more.\n\nLast.");
        assert_eq!(
            docs("Import, needs no grant: the time.").grant,
            Grant::Nothing
        );
        let silent = docs("Import: something.");
        assert_eq!((silent.grant, silent.way), (Grant::Unsaid, Some("Import")));
        let other = docs("Words: that others share.");
        assert_eq!(
            (other.way, &*other.text),
            (None, "Words: that others share.")
        );
    }
}
