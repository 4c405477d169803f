//! Expanded names, and localised texts.

use crate::{Localised, Name};

impl Name {
    /// A name from its namespace and local name.
    pub fn new(namespace: &str, local: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            local: local.to_owned(),
        }
    }

    /// Whether it is that local name and namespace.
    pub fn is(&self, local: &str, namespace: &str) -> bool {
        self.local == local && self.namespace == namespace
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.is(&other.local, &other.namespace)
    }
}

impl Eq for Name {}

impl Localised {
    /// A text in a language; none means that nobody said which.
    pub fn new(lang: Option<&str>, value: &str) -> Self {
        Self {
            lang: lang.map(str::to_owned),
            value: value.to_owned(),
        }
    }

    /// The text in that language, or one of its variants (`fr` finds `fr-CA`), or else the first.
    ///
    /// ```
    /// use waxwing_plugin::Localised;
    ///
    /// let texts = [Localised::new(Some("en"), "hello"), Localised::new(Some("fr-CA"), "salut")];
    /// assert_eq!(Localised::choose(&texts, "FR"), Some("salut"));
    /// assert_eq!(Localised::choose(&texts, "de"), Some("hello"));
    /// ```
    pub fn choose<'a>(texts: &'a [Localised], lang: &str) -> Option<&'a str> {
        let is = |text: &&Localised| {
            let own = text.lang.as_deref().unwrap_or_default();
            own.eq_ignore_ascii_case(lang)
        };
        let extends = |text: &&Localised| {
            let own = text.lang.as_deref().unwrap_or_default();
            let language = own.split('-').next().unwrap_or_default();
            language.eq_ignore_ascii_case(lang)
        };
        let found = texts
            .iter()
            .find(is)
            .or_else(|| texts.iter().find(extends))
            .or_else(|| texts.first());
        found.map(|text| text.value.as_str())
    }
}

impl PartialEq for Localised {
    fn eq(&self, other: &Self) -> bool {
        self.lang == other.lang && self.value == other.value
    }
}

impl Eq for Localised {}
