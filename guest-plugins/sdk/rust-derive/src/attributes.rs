//! Reading `#[payload(…)]`.

use syn::meta::ParseNestedMeta;
use syn::{Attribute, Error, Expr, LitStr, Result, Token};

/// The name of a struct's or variant's element.
#[derive(Default)]
pub(crate) struct Naming {
    pub(crate) name: Option<LitStr>,
    pub(crate) ns: Option<LitStr>,
}

impl Naming {
    pub(crate) fn read(attributes: &[Attribute]) -> Result<Self> {
        let mut naming = Self::default();
        for attribute in ours(attributes) {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("name") {
                    naming.name = Some(meta.value()?.parse()?);
                } else if meta.path.is_ident("ns") {
                    naming.ns = Some(meta.value()?.parse()?);
                } else {
                    return Err(meta.error("expected `name` or `ns`"));
                }
                Ok(())
            })?;
        }
        Ok(naming)
    }
}

/// What a field is in the XML.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Attr,
    Lang,
    Text,
    Flag,
    Child,
    Children,
    Localised,
    Nested,
    Other,
}

const KINDS: [(&str, Kind); 9] = [
    ("attr", Kind::Attr),
    ("lang", Kind::Lang),
    ("text", Kind::Text),
    ("flag", Kind::Flag),
    ("child", Kind::Child),
    ("children", Kind::Children),
    ("localised", Kind::Localised),
    ("nested", Kind::Nested),
    ("other", Kind::Other),
];

/// What a field does when there is nothing.
pub(crate) enum Absent {
    Error,
    Default,
    Value(Expr),
}

/// The attribute of a field.
pub(crate) struct FieldAttribute {
    pub(crate) kind: Kind,
    pub(crate) name: Option<LitStr>,
    pub(crate) ns: Option<LitStr>,
    pub(crate) absent: Absent,
}

impl FieldAttribute {
    pub(crate) fn read(field: &syn::Field) -> Result<Self> {
        let mut kind = None;
        let mut read = Self {
            kind: Kind::Other,
            name: None,
            ns: None,
            absent: Absent::Error,
        };
        for attribute in ours(&field.attrs) {
            attribute.parse_nested_meta(|meta| read.one(&meta, &mut kind))?;
        }
        match kind {
            Some(kind) => Ok(Self { kind, ..read }),
            None => Err(Error::new_spanned(
                field,
                "say what the field is in the XML, for instance #[payload(attr)] or #[payload(child)]",
            )),
        }
    }

    fn one(&mut self, meta: &ParseNestedMeta<'_>, kind: &mut Option<Kind>) -> Result<()> {
        if meta.path.is_ident("ns") {
            self.ns = Some(meta.value()?.parse()?);
            return Ok(());
        }
        if meta.path.is_ident("default") {
            self.absent = if meta.input.peek(Token![=]) {
                Absent::Value(meta.value()?.parse()?)
            } else {
                Absent::Default
            };
            return Ok(());
        }
        let Some((_, named)) = KINDS.iter().find(|(name, _)| meta.path.is_ident(name)) else {
            return Err(meta.error(
                "expected attr, lang, text, flag, child, children, localised, nested, other, ns or default",
            ));
        };
        if kind.replace(*named).is_some() {
            return Err(meta.error("a field is one thing in the XML"));
        }
        if meta.input.peek(Token![=]) {
            self.name = Some(meta.value()?.parse()?);
        }
        Ok(())
    }
}

fn ours(attributes: &[Attribute]) -> impl Iterator<Item = &Attribute> {
    attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("payload"))
}
