//! The import `stanzas`: the host's trees, lent to guests, and drafts of changed ones.
use wasmtime::component::Resource;
use waxwing_xml::{Edit, Element, ElementRef};
use waxwing_xmpp::content::ContentNamespace;
use waxwing_xmpp::jid::Jid;
use waxwing_xmpp::ns;
use waxwing_xmpp::stanza::{Kind, Stanza};

use crate::instance::state::{LENT, State};
use crate::model::filter::subtype;
use crate::wit::bindings::waxwing::plugin::stanzas::{
    Attribute, DraftError, Head, Host, HostDraft as DraftMethods, HostElement as ElementMethods,
    HostStanza as StanzaMethods, Localised,
};
use crate::wit::bindings::waxwing::plugin::types::{Name, StanzaKind};
use crate::wit::resources::{HostDraft, HostElement, HostStanza};
use crate::wit::xml::{parse, reserved};

type Trappable<T> = wasmtime::Result<T>;

fn address(jid: &Jid) -> String {
    jid.as_str().to_owned()
}

impl Host for State {}

impl StanzaMethods for State {
    fn head(&mut self, this: Resource<HostStanza>) -> Trappable<Head> {
        let stanza = self.stanza(&this)?.stanza();
        Ok(Head {
            kind: kind(stanza.kind()),
            subtype: subtype(stanza).to_owned(),
            id: stanza.id().map(str::to_owned),
            sender: stanza.from().map(address),
            recipient: stanza.to().map(address),
            lang: stanza.lang().map(str::to_owned),
        })
    }

    fn host(&mut self, this: Resource<HostStanza>) -> Trappable<String> {
        Ok(self.stanza(&this)?.host().to_string())
    }

    fn sender(&mut self, this: Resource<HostStanza>) -> Trappable<Option<String>> {
        Ok(self.stanza(&this)?.stanza().from().map(address))
    }

    fn recipient(&mut self, this: Resource<HostStanza>) -> Trappable<Option<String>> {
        Ok(self.stanza(&this)?.stanza().to().map(address))
    }

    fn subtype(&mut self, this: Resource<HostStanza>) -> Trappable<String> {
        Ok(subtype(self.stanza(&this)?.stanza()).to_owned())
    }

    fn body(&mut self, this: Resource<HostStanza>) -> Trappable<Option<String>> {
        let stanza = self.stanza(&this)?.stanza();
        Ok(stanza
            .element()
            .child("body", ns::CLIENT)
            .map(|body| body.text().into_owned()))
    }

    fn texts(&mut self, this: Resource<HostStanza>, name: Name) -> Trappable<Vec<Localised>> {
        let stanza = self.stanza(&this)?.stanza();
        let named = stanza
            .element()
            .children()
            .filter(|child| is_named(*child, &name));
        let localised = |child: ElementRef<'_>| Localised {
            lang: child.lang().map(str::to_owned),
            value: child.text().into_owned(),
        };
        Ok(named.map(localised).collect())
    }

    fn payload(
        &mut self,
        this: Resource<HostStanza>,
        name: Name,
    ) -> Trappable<Option<Resource<HostElement>>> {
        let stanza = self.stanza(&this)?.stanza();
        let child = stanza
            .element()
            .child(&name.local, &name.namespace)
            .map(ElementRef::to_element);
        child.map(|child| self.lend(child)).transpose()
    }

    fn payloads(&mut self, this: Resource<HostStanza>) -> Trappable<Vec<Name>> {
        let stanza = self.stanza(&this)?.stanza();
        Ok(stanza.element().children().map(name_of).collect())
    }

    fn to_xml(&mut self, this: Resource<HostStanza>) -> Trappable<String> {
        Ok(self.stanza(&this)?.stanza().element().to_xml())
    }

    /// Never called: a stanza is lent, and the host takes it back when the call has ended.
    fn drop(&mut self, _: Resource<HostStanza>) -> Trappable<()> {
        Ok(())
    }
}

impl ElementMethods for State {
    fn parse(&mut self, xml: String) -> Trappable<Result<Resource<HostElement>, String>> {
        self.charge()?;
        match parse(&xml) {
            Ok(element) => self.lend(element).map(Ok),
            Err(why) => Ok(Err(why)),
        }
    }

    fn name(&mut self, this: Resource<HostElement>) -> Trappable<Name> {
        Ok(name_of(self.element(&this)?.root()))
    }

    fn attribute(
        &mut self,
        this: Resource<HostElement>,
        local: String,
    ) -> Trappable<Option<String>> {
        Ok(self.element(&this)?.attr(&local).map(str::to_owned))
    }

    fn attributes(&mut self, this: Resource<HostElement>) -> Trappable<Vec<Attribute>> {
        let attributes = self.element(&this)?.root().attrs();
        Ok(attributes
            .map(|attribute| Attribute {
                namespace: attribute.ns.map(str::to_owned),
                local: attribute.name.to_owned(),
                value: attribute.value.to_owned(),
            })
            .collect())
    }

    fn text(&mut self, this: Resource<HostElement>) -> Trappable<String> {
        Ok(self.element(&this)?.text().into_owned())
    }

    fn child(
        &mut self,
        this: Resource<HostElement>,
        name: Name,
    ) -> Trappable<Option<Resource<HostElement>>> {
        let child = self
            .element(&this)?
            .child(&name.local, &name.namespace)
            .map(ElementRef::to_element);
        child.map(|child| self.lend(child)).transpose()
    }

    fn children(&mut self, this: Resource<HostElement>) -> Trappable<Vec<Resource<HostElement>>> {
        let children: Vec<Element> = self
            .element(&this)?
            .children()
            .map(ElementRef::to_element)
            .collect();
        children.into_iter().map(|child| self.lend(child)).collect()
    }

    fn to_xml(&mut self, this: Resource<HostElement>) -> Trappable<String> {
        Ok(self.element(&this)?.to_xml())
    }

    fn drop(&mut self, this: Resource<HostElement>) -> Trappable<()> {
        self.resources.delete(this)?;
        Ok(())
    }
}

impl DraftMethods for State {
    fn new(&mut self, original: Resource<HostStanza>) -> Trappable<Resource<HostDraft>> {
        let stanza = self.stanza(&original)?.stanza();
        let draft = HostDraft {
            kind: stanza.kind(),
            element: stanza.element().clone(),
        };
        Ok(self.resources.push(draft)?)
    }

    fn set_attribute(
        &mut self,
        this: Resource<HostDraft>,
        local: String,
        value: Option<String>,
    ) -> Trappable<Result<(), DraftError>> {
        let draft = self.draft(&this)?;
        let forbidden = match (local.as_str(), draft.kind) {
            ("id" | "type", Kind::Message | Kind::Presence) => None,
            ("from", _) => Some("a hook never changes `from`"),
            ("id" | "type", Kind::Iq) => Some("a hook never changes `id` or `type` of an iq"),
            _ => Some("a hook changes only `id` and `type`"),
        };
        if let Some(why) = forbidden {
            return Ok(Err(DraftError::Forbidden(why.to_owned())));
        }
        let mut changed = draft.element.clone();
        changed.set_attr(&local, value.as_deref());
        if Stanza::parse(changed.clone(), ContentNamespace::Client).is_err() {
            let why = format!("`{local}` of a {} cannot be that", draft.kind.name());
            return Ok(Err(DraftError::Forbidden(why)));
        }
        draft.element = changed;
        Ok(Ok(()))
    }

    fn remove(&mut self, this: Resource<HostDraft>, name: Name) -> Trappable<u32> {
        let draft = self.draft(&this)?;
        let mut removed = 0_u32;
        draft.element = draft.element.edit_children(|child| {
            if is_named(child, &name) {
                removed = removed.saturating_add(1);
                Edit::Remove
            } else {
                Edit::Keep
            }
        });
        Ok(removed)
    }

    fn append(
        &mut self,
        this: Resource<HostDraft>,
        xml: String,
    ) -> Trappable<Result<(), DraftError>> {
        let may_reserve = self.is_granted("reserved-elements");
        let draft = self.draft(&this)?;
        Ok(match parse(&xml) {
            Ok(child) if !may_reserve && reserved(child.root()).is_some() => {
                let why = format!("<{}/> is the server's own", child.root().name());
                Err(DraftError::Forbidden(why))
            }
            Ok(child) => {
                draft.element.push_child(&child);
                Ok(())
            }
            Err(why) => Err(DraftError::Malformed(why)),
        })
    }

    fn set_text(
        &mut self,
        this: Resource<HostDraft>,
        name: Name,
        index: u32,
        text: String,
    ) -> Trappable<bool> {
        let draft = self.draft(&this)?;
        let mut remaining = Some(index);
        draft.element = draft.element.edit_children(|child| {
            if !is_named(child, &name) {
                return Edit::Keep;
            }
            let here = remaining == Some(0);
            remaining = remaining.and_then(|left| left.checked_sub(1));
            if here {
                Edit::Replace(with_text(child, &text))
            } else {
                Edit::Keep
            }
        });
        Ok(remaining.is_none())
    }

    fn drop(&mut self, this: Resource<HostDraft>) -> Trappable<()> {
        self.resources.delete(this)?;
        Ok(())
    }
}

impl State {
    fn stanza(&mut self, handle: &Resource<HostStanza>) -> Trappable<&HostStanza> {
        self.charge()?;
        let lent = self.lent.as_ref().filter(|_| handle.rep() == LENT);
        lent.ok_or_else(|| wasmtime::Error::msg("no stanza is lent"))
    }

    fn element(&mut self, handle: &Resource<HostElement>) -> Trappable<&Element> {
        self.charge()?;
        Ok(&self.resources.get(handle)?.0)
    }

    fn draft(&mut self, handle: &Resource<HostDraft>) -> Trappable<&mut HostDraft> {
        self.charge()?;
        Ok(self.resources.get_mut(handle)?)
    }

    fn lend(&mut self, element: Element) -> Trappable<Resource<HostElement>> {
        Ok(self.resources.push(HostElement(element))?)
    }
}

fn with_text(element: ElementRef<'_>, text: &str) -> Element {
    let mut builder = Element::builder(element.name(), element.ns());
    for attribute in element.attrs() {
        builder = match attribute.ns {
            Some(namespace) => builder.attr_ns(namespace, attribute.name, attribute.value),
            None => builder.attr(attribute.name, attribute.value),
        };
    }
    builder.text(text).build()
}

fn is_named(element: ElementRef<'_>, name: &Name) -> bool {
    element.is(&name.local, &name.namespace)
}

fn name_of(element: ElementRef<'_>) -> Name {
    Name {
        namespace: element.ns().to_owned(),
        local: element.name().to_owned(),
    }
}

const fn kind(kind: Kind) -> StanzaKind {
    match kind {
        Kind::Message => StanzaKind::Message,
        Kind::Presence => StanzaKind::Presence,
        Kind::Iq => StanzaKind::Iq,
    }
}
