//! What `<stream:features/>` offers at each step (RFC 6120 §4.3.2), in the order of XEP-0170.

use super::authority::Authority;
use crate::ns;
use crate::sasl::{Dialect, Mechanism};
use crate::stream::settings::{Peer, Settings, TlsInfo, TlsPolicy};
use waxwing_xml::Element;

/// Whether TLS must come before all else on a stream.
pub(super) fn needs_tls(settings: &Settings, tls: Option<&TlsInfo>) -> bool {
    settings.tls == TlsPolicy::Required && tls.is_none()
}

/// Whether STARTTLS is possible on a stream.
pub(super) fn offers_tls(settings: &Settings, tls: Option<&TlsInfo>) -> bool {
    settings.tls != TlsPolicy::None && tls.is_none()
}

/// The mechanisms offered on a stream, in the configured order.
pub(super) fn mechanisms<'a>(
    settings: &'a Settings,
    peer: Peer,
    tls: Option<&'a TlsInfo>,
    authority: Authority,
) -> impl Iterator<Item = Mechanism> + 'a {
    let hidden = needs_tls(settings, tls);
    settings
        .mechanisms
        .iter()
        .copied()
        .filter(move |mechanism| {
            !hidden
                && authority.can(*mechanism)
                && match mechanism {
                    Mechanism::Plain => may_use_plain(settings, peer, tls),
                    Mechanism::Scram { plus: true, .. } => {
                        tls.is_some_and(|tls| tls.binding_types().next().is_some())
                    }
                    Mechanism::Scram { plus: false, .. } => true,
                }
        })
}

/// §6.3.4: passwords in clear only under TLS, or on loopback where the operator says so.
pub(super) fn may_use_plain(settings: &Settings, peer: Peer, tls: Option<&TlsInfo>) -> bool {
    tls.is_some() || (settings.allow_plain_without_tls && peer.loopback)
}

/// Before authentication: TLS, extensions such as registration, SASL.
pub(super) fn before_authentication(
    settings: &Settings,
    peer: Peer,
    tls: Option<&TlsInfo>,
    authority: Authority,
    dialect: &dyn Dialect,
    extensions: Vec<Element>,
) -> Element {
    let mut features = Element::builder("features", ns::STREAMS);
    if offers_tls(settings, tls) {
        let required =
            needs_tls(settings, tls).then(|| Element::builder("required", ns::TLS).build());
        features = features.child(
            Element::builder("starttls", ns::TLS)
                .children(required)
                .build(),
        );
    }
    if needs_tls(settings, tls) {
        return features.build();
    }
    features = features.children(extensions);
    let offered: Vec<Mechanism> = mechanisms(settings, peer, tls, authority).collect();
    if !offered.is_empty() {
        features = features.child(dialect.offer(&offered));
    }
    features.children(channel_bindings(&offered, tls)).build()
}

/// XEP-0440: the types of channel binding, where a mechanism that binds is offered.
fn channel_bindings(offered: &[Mechanism], tls: Option<&TlsInfo>) -> Option<Element> {
    let tls = tls.filter(|_| offered.iter().any(|mechanism| mechanism.is_plus()))?;
    let types = tls.binding_types().map(|kind| {
        Element::builder("channel-binding", ns::SASL_CHANNEL_BINDING)
            .attr("type", kind)
            .build()
    });
    Some(
        Element::builder("sasl-channel-binding", ns::SASL_CHANNEL_BINDING)
            .children(types)
            .build(),
    )
}

/// After authentication: binding, the session that old clients wait for, what rosters can do, stream management, client state,
/// extensions.
pub(super) fn after_authentication(extensions: Vec<Element>) -> Element {
    let optional = Element::builder("optional", ns::SESSION).build();
    Element::builder("features", ns::STREAMS)
        .child(Element::builder("bind", ns::BIND).build())
        .child(
            Element::builder("session", ns::SESSION)
                .child(optional)
                .build(),
        )
        .child(Element::builder("ver", ns::ROSTER_VERSIONS).build())
        .child(Element::builder("sub", ns::PRE_APPROVAL).build())
        .child(Element::builder("sm", ns::SM).build())
        .child(Element::builder("csi", ns::CSI).build())
        .children(extensions)
        .build()
}
