//! Properties of addresses: preparation is stable, the parts make the whole, and no part passes its length.

use waxwing_xmpp::jid::{self, Jid};

/// Runs every check on one input.
pub(crate) fn check(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    if let Ok(jid) = jid::parse(text) {
        assert_eq!(
            jid::parse(jid.as_str()).as_ref(),
            Ok(&jid),
            "preparation is stable"
        );
        assert_eq!(jid::parse(text).as_ref(), Ok(&jid), "remembered or not");
        assert_eq!(
            Jid::from_parts(jid.node(), jid.domain(), jid.resource()),
            jid
        );
        let node = jid.node().map(|part| part.as_str().to_owned());
        assert_eq!(
            node,
            node.as_deref()
                .map(|part| jid::prepare_localpart(part).unwrap())
        );
        assert_eq!(
            jid::prepare_domain(jid.domain().as_str()).unwrap(),
            jid.domain().as_str()
        );
        assert!(!jid.domain().as_str().is_empty() && !jid.domain().as_str().ends_with('.'));
        assert!(jid.as_str().len() <= 3 * jid::MAX_PART + 2);
    }
    for prepare in [
        jid::prepare_localpart,
        jid::prepare_domain,
        jid::prepare_resource,
    ] {
        if let Ok(part) = prepare(text) {
            assert!((1..=jid::MAX_PART).contains(&part.len()));
            assert_eq!(prepare(&part), Ok(part));
        }
    }
}
