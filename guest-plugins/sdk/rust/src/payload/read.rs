//! Taking an element apart: what the derived code calls.

use std::str::FromStr;

use super::{Fault, Payload, PayloadError, Place};
use crate::{Attribute, Element, Localised, Name, Parsed};

/// An element whose children are taken one after the other, so that what is left is what nobody asked for. For
/// implementing [`Payload`] by hand.
#[derive(Debug)]
pub struct Reader<'a> {
    element: &'a Parsed,
    name: Name,
    /// Its own `xml:lang`.
    own_lang: Option<String>,
    /// The language of the texts inside.
    lang: Option<String>,
    children: Vec<(Name, Parsed)>,
}

impl<'a> Reader<'a> {
    /// Opens an element inside of something in that language.
    pub fn open(element: &'a Parsed, lang: Option<&str>) -> Self {
        let named = |child: Parsed| (child.name(), child);
        let own_lang = lang_of(&element.attributes());
        Self {
            element,
            name: element.name(),
            lang: own_lang.clone().or_else(|| lang.map(str::to_owned)),
            own_lang,
            children: element.children().into_iter().map(named).collect(),
        }
    }

    /// Whether the element has that name.
    pub fn is(&self, local: &str, namespace: &str) -> bool {
        self.name.is(local, namespace)
    }

    /// An error at a place of this element.
    pub fn error(&self, place: Place, fault: Fault) -> PayloadError {
        PayloadError {
            element: self.name.local.clone(),
            place,
            fault,
        }
    }

    /// The element's own `xml:lang`.
    pub fn own_lang(&self) -> Option<String> {
        self.own_lang.clone()
    }

    /// An attribute without a namespace.
    pub fn attr<T: FromStr>(&self, local: &str) -> Result<Option<T>, PayloadError> {
        let value = self.element.attribute(local);
        self.parse(value, || Place::Attribute(local.to_owned()))
    }

    /// The element's own text; none if it is empty.
    pub fn text<T: FromStr>(&self) -> Result<Option<T>, PayloadError> {
        let text = self.element.text();
        self.parse((!text.is_empty()).then_some(text), || Place::Text)
    }

    /// Takes a child, and says whether it was there.
    pub fn flag(&mut self, local: &str, namespace: &str) -> Result<bool, PayloadError> {
        self.take_one(local, namespace).map(|child| child.is_some())
    }

    /// Takes a child for its text.
    pub fn child<T: FromStr>(
        &mut self,
        local: &str,
        namespace: &str,
    ) -> Result<Option<T>, PayloadError> {
        let child = self.take_one(local, namespace)?;
        let text = child.map(|child| child.text());
        self.parse(text, || Place::Child(local.to_owned()))
    }

    /// Takes all children of a name for their texts.
    pub fn children<T: FromStr>(
        &mut self,
        local: &str,
        namespace: &str,
    ) -> Result<Vec<T>, PayloadError> {
        let mut texts = Vec::new();
        for child in self.take(|name| name.is(local, namespace)) {
            let place = || Place::Child(local.to_owned());
            texts.extend(self.parse(Some(child.text()), place)?);
        }
        Ok(texts)
    }

    /// Takes all children of a name for their texts and languages.
    pub fn localised(&mut self, local: &str, namespace: &str) -> Vec<Localised> {
        let children = self.take(|name| name.is(local, namespace));
        let localised = |child: Parsed| Localised {
            lang: lang_of(&child.attributes()).or_else(|| self.lang.clone()),
            value: child.text(),
        };
        children.into_iter().map(localised).collect()
    }

    /// Takes the one child that is such a payload.
    pub fn nested<T: Payload>(&mut self) -> Result<Option<T>, PayloadError> {
        let mut children = self
            .take(|name| T::is_named(&name.local, &name.namespace))
            .into_iter();
        let Some(child) = children.next() else {
            return Ok(None);
        };
        if children.next().is_some() {
            return Err(self.error(Place::Child(child.name().local), Fault::Repeated));
        }
        T::read_in(&child, self.lang.as_deref()).map(Some)
    }

    /// Takes all children that are such payloads.
    pub fn nested_all<T: Payload>(&mut self) -> Result<Vec<T>, PayloadError> {
        let children = self.take(|name| T::is_named(&name.local, &name.namespace));
        let read = |child: &Parsed| T::read_in(child, self.lang.as_deref());
        children.iter().map(read).collect()
    }

    /// Copies of the children that nobody took.
    pub fn others(self) -> Vec<Element> {
        let children = self.children.iter();
        children.map(|(_, child)| Element::from(child)).collect()
    }

    fn take(&mut self, mut wanted: impl FnMut(&Name) -> bool) -> Vec<Parsed> {
        let mut taken = Vec::new();
        let mut left = Vec::with_capacity(self.children.len());
        for (name, child) in self.children.drain(..) {
            if wanted(&name) {
                taken.push(child);
            } else {
                left.push((name, child));
            }
        }
        self.children = left;
        taken
    }

    fn take_one(&mut self, local: &str, namespace: &str) -> Result<Option<Parsed>, PayloadError> {
        let mut children = self.take(|name| name.is(local, namespace));
        let child = children.pop();
        if children.is_empty() {
            Ok(child)
        } else {
            Err(self.error(Place::Child(local.to_owned()), Fault::Repeated))
        }
    }

    fn parse<T: FromStr>(
        &self,
        text: Option<String>,
        place: impl FnOnce() -> Place,
    ) -> Result<Option<T>, PayloadError> {
        let Some(text) = text else { return Ok(None) };
        let value = text.parse();
        let value = value.map_err(|_| self.error(place(), Fault::Invalid))?;
        Ok(Some(value))
    }
}

/// A boolean as XML Schema writes it: `true`, `1`, `false` or `0`. Derived code reads fields of type `bool` as this.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Boolean(pub bool);

impl FromStr for Boolean {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text.trim() {
            "true" | "1" => Ok(Self(true)),
            "false" | "0" => Ok(Self(false)),
            _ => Err(()),
        }
    }
}

fn lang_of(attributes: &[Attribute]) -> Option<String> {
    let is_lang = |attribute: &&Attribute| {
        attribute.local == "lang" && attribute.namespace.as_deref() == Some(crate::element::XML)
    };
    let lang = attributes.iter().find(is_lang)?;
    Some(lang.value.clone())
}
