//! Which prefix means which namespace (Namespaces in XML 1.0 §5, §6).

use crate::error::XmlError;
use crate::known::{self, Known};
use crate::limits::{Limit, Limits};
use crate::tree::{Ns, Span, Tree, index};

/// Declarations in scope: those of the stream header first, then those of each open element.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    bindings: Vec<Binding>,
    /// Prefixes, and the names of the header's namespaces.
    text: String,
    /// How many bindings, and how much of the text, are the header's.
    header: usize,
    header_text: usize,
}

#[derive(Clone, Copy, Debug)]
struct Binding {
    /// Empty for the default namespace.
    prefix: Span,
    uri: Uri,
}

#[derive(Clone, Copy, Debug)]
enum Uri {
    /// In the tree under construction, or well known.
    Tree(Ns),
    /// In the scope's own text, because the header's tree is gone; and its copy in the tree under construction, once there
    /// is one.
    Header(Span, Option<Ns>),
}

/// How the prefix of an open element's name was found: its end tag has to repeat it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Prefix {
    /// No prefix.
    None,
    /// `xml`.
    Xml,
    /// That of a binding.
    Bound(usize),
}

/// How many declarations there were when an element began.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mark {
    bindings: usize,
    text: usize,
}

impl Scope {
    /// Bytes of heap held.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.text.capacity().saturating_add(
            self.bindings
                .capacity()
                .saturating_mul(size_of::<Binding>()),
        )
    }

    pub(crate) fn mark(&self) -> Mark {
        Mark {
            bindings: self.bindings.len(),
            text: self.text.len(),
        }
    }

    /// Ends the declarations of an element.
    #[inline]
    pub(crate) fn release(&mut self, mark: Mark) {
        self.bindings.truncate(mark.bindings);
        self.text.truncate(mark.text);
    }

    /// Takes the declaration `xmlns:prefix='uri'` (or of the default namespace, where `prefix` is empty) of an element that
    /// began at `mark`. Its name is in the tree's text, or is well known.
    pub(crate) fn declare(
        &mut self,
        mark: Mark,
        prefix: &str,
        ns: Ns,
        tree: &Tree,
        limits: &Limits,
    ) -> Result<(), XmlError> {
        let uri = ns.uri(&tree.text);
        let bound_to_xml = uri == known::XML;
        if prefix == "xml" && bound_to_xml {
            return self
                .refuse_second(mark, prefix)
                .and_then(|()| self.bind(prefix, ns, limits));
        }
        if prefix == "xml" || prefix == "xmlns" || bound_to_xml || uri == known::XMLNS {
            return Err(XmlError::NotWellFormed("reserved prefix or namespace"));
        }
        if uri.is_empty() && !prefix.is_empty() {
            return Err(XmlError::NotWellFormed("prefix bound to no namespace"));
        }
        self.refuse_second(mark, prefix)?;
        self.bind(prefix, ns, limits)
    }

    fn refuse_second(&self, mark: Mark, prefix: &str) -> Result<(), XmlError> {
        let mut own = self.bindings.get(mark.bindings..).unwrap_or(&[]).iter();
        if own.any(|binding| binding.prefix.of(&self.text) == prefix) {
            return Err(XmlError::NotWellFormed("namespace declared twice"));
        }
        Ok(())
    }

    fn bind(&mut self, prefix: &str, ns: Ns, limits: &Limits) -> Result<(), XmlError> {
        if self.bindings.len().saturating_sub(self.header) >= limits.namespaces {
            return Err(XmlError::TooBig(Limit::Namespaces));
        }
        let start = index(self.text.len());
        self.text.push_str(prefix);
        self.bindings.push(Binding {
            prefix: Span {
                start,
                len: index(prefix.len()),
            },
            uri: Uri::Tree(ns),
        });
        Ok(())
    }

    /// The namespace that a name without prefix is in. `charge` receives the bytes that this added to the tree.
    #[inline]
    pub(crate) fn default_ns(&mut self, tree: &mut Tree, charge: &mut usize) -> Ns {
        match self
            .bindings
            .iter()
            .rposition(|binding| binding.prefix.len == 0)
        {
            Some(at) => self.ns(at, tree, charge),
            None => Ns::NONE,
        }
    }

    /// The namespace of a prefix.
    pub(crate) fn resolve(
        &mut self,
        prefix: &str,
        tree: &mut Tree,
        charge: &mut usize,
    ) -> Result<(Prefix, Ns), XmlError> {
        match prefix {
            "" => return Ok((Prefix::None, self.default_ns(tree, charge))),
            "xml" => return Ok((Prefix::Xml, Ns::XML)),
            _ => {}
        }
        let at = self.find(prefix)?;
        Ok((Prefix::Bound(at), self.ns(at, tree, charge)))
    }

    /// The binding of a prefix.
    pub(crate) fn find(&self, prefix: &str) -> Result<usize, XmlError> {
        let text = &self.text;
        let found = self
            .bindings
            .iter()
            .rposition(|binding| binding.prefix.of(text) == prefix);
        found.ok_or(XmlError::NotWellFormed("undeclared namespace prefix"))
    }

    /// The namespace of a binding.
    pub(crate) fn ns(&mut self, at: usize, tree: &mut Tree, charge: &mut usize) -> Ns {
        match self.bindings.get_mut(at).map(|binding| &mut binding.uri) {
            Some(Uri::Tree(ns) | Uri::Header(_, Some(ns))) => *ns,
            Some(Uri::Header(span, copy)) => {
                let ns = Ns::Text(tree.store(span.of(&self.text)));
                *charge = charge.saturating_add(span.len as usize);
                *copy = Some(ns);
                ns
            }
            None => Ns::NONE,
        }
    }

    /// The default namespace, where one is declared.
    pub(crate) fn declared_default(&self, tree: &Tree) -> Option<String> {
        let binding = self
            .bindings
            .iter()
            .rfind(|binding| binding.prefix.len == 0)?;
        match binding.uri {
            Uri::Tree(ns) => Some(ns.uri(&tree.text).to_owned()),
            Uri::Header(span, _) => Some(span.of(&self.text).to_owned()),
        }
    }

    /// The prefix as written.
    pub(crate) fn prefix(&self, prefix: Prefix) -> &str {
        match prefix {
            Prefix::None => "",
            Prefix::Xml => "xml",
            Prefix::Bound(at) => self
                .bindings
                .get(at)
                .map_or("", |binding| binding.prefix.of(&self.text)),
        }
    }

    /// Keeps the declarations made so far for the whole stream: `tree` is the header's, and is not needed after this.
    pub(crate) fn keep_as_header(&mut self, tree: &Tree) {
        for binding in &mut self.bindings {
            if let Uri::Tree(Ns::Text(span)) = binding.uri {
                let start = index(self.text.len());
                self.text.push_str(span.of(&tree.text));
                binding.uri = Uri::Header(
                    Span {
                        start,
                        len: span.len,
                    },
                    None,
                );
            }
        }
        self.bindings.shrink_to_fit();
        self.text.shrink_to_fit();
        self.header = self.bindings.len();
        self.header_text = self.text.len();
    }

    /// Begins with one declaration that is in scope from outside.
    pub(crate) fn with_default(uri: &str) -> Self {
        let mut scope = Self::default();
        let uri = if let Some(known) = Known::find(uri) {
            Uri::Tree(Ns::Known(known))
        } else {
            scope.text.push_str(uri);
            Uri::Header(
                Span {
                    start: 0,
                    len: index(uri.len()),
                },
                None,
            )
        };
        scope.bindings.push(Binding {
            prefix: Span::EMPTY,
            uri,
        });
        scope.header = 1;
        scope.header_text = scope.text.len();
        scope
    }

    /// A tree is finished: what was copied into it has to be copied into the next one again.
    pub(crate) fn next_tree(&mut self) {
        self.release(Mark {
            bindings: self.header,
            text: self.header_text,
        });
        for binding in &mut self.bindings {
            if let Uri::Header(_, copy) = &mut binding.uri {
                *copy = None;
            }
        }
    }

    /// Between stanzas only what the header declared is kept.
    pub(crate) fn shrink(&mut self) {
        if self.bindings.capacity() > self.header {
            self.bindings.shrink_to_fit();
            self.text.shrink_to_fit();
        }
    }
}
