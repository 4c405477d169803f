use waxwing_xmpp::stanza::{IqType, MessageType, PresenceType};

use super::{AddressMatch, Verdict, iq, message, presence};

use AddressMatch::{Account, NoResource, Resource};
use MessageType::{Chat, Error, Groupchat, Headline, Normal};
use Verdict::{Bounce, Ignore, Keep, MostAvailable, NonNegative};

/// One row of table 1 in RFC 6121 §8.5.4: an address, the best priority, and what happens to normal, chat, groupchat and
/// headline messages, and to errors (§8.5.2.1.1, §8.5.2.2.1, §8.5.3.2.1).
type Row = (AddressMatch, Option<i8>, [Verdict; 5]);

const TABLE: [Row; 9] = [
    // No account, or no available resource: the two cannot be told apart.
    (Account, None, [Keep, Keep, Bounce, Ignore, Ignore]),
    (NoResource, None, [Bounce, Keep, Bounce, Ignore, Ignore]),
    (Resource, None, [Verdict::Resource; 5]),
    // Available resources, all of negative priority.
    (Account, Some(-1), [Keep, Keep, Bounce, Ignore, Ignore]),
    (NoResource, Some(-1), [Bounce, Keep, Bounce, Ignore, Ignore]),
    (Resource, Some(-1), [Verdict::Resource; 5]),
    // One or more of another priority.
    (
        Account,
        Some(0),
        [MostAvailable, MostAvailable, Bounce, NonNegative, Ignore],
    ),
    (
        NoResource,
        Some(0),
        [Bounce, MostAvailable, Bounce, Ignore, Ignore],
    ),
    (Resource, Some(0), [Verdict::Resource; 5]),
];

// seeds: H16
#[test]
fn delivers_messages_as_the_table_of_rfc_6121_says() {
    for (address, best, verdicts) in TABLE {
        for (kind, verdict) in [Normal, Chat, Groupchat, Headline, Error]
            .into_iter()
            .zip(verdicts)
        {
            assert_eq!(
                message(kind, address, best),
                verdict,
                "{kind:?} to {address:?}, best priority {best:?}"
            );
        }
    }
}

#[test]
fn delivers_presence_to_all_available_resources_or_to_the_one_addressed() {
    for kind in [PresenceType::Available, PresenceType::Unavailable] {
        assert_eq!(presence(kind, Account), Verdict::Available);
        assert_eq!(presence(kind, Resource), Verdict::Resource);
        assert_eq!(presence(kind, NoResource), Ignore);
    }
}

#[test]
fn drops_requests_to_subscribe_in_silence() {
    use PresenceType::{Subscribe, Subscribed, Unsubscribe, Unsubscribed};
    for kind in [Subscribe, Subscribed, Unsubscribe, Unsubscribed] {
        for address in [Account, Resource, NoResource] {
            assert_eq!(presence(kind, address), Ignore);
        }
    }
}

#[test]
fn answers_probes_on_behalf_of_the_account() {
    for address in [Account, Resource, NoResource] {
        assert_eq!(presence(PresenceType::Probe, address), Verdict::Account);
    }
}

#[test]
fn never_delivers_an_iq_for_an_account_to_its_resources() {
    for kind in [IqType::Get, IqType::Set] {
        assert_eq!(iq(kind, Account), Verdict::Account);
        assert_eq!(iq(kind, Resource), Verdict::Resource);
        assert_eq!(iq(kind, NoResource), Bounce);
    }
}

#[test]
fn never_answers_results_and_errors() {
    for kind in [IqType::Result, IqType::Error] {
        assert_eq!(iq(kind, Account), Ignore);
        assert_eq!(iq(kind, Resource), Verdict::Resource);
        assert_eq!(iq(kind, NoResource), Ignore);
    }
}
