//! One trait for each interface that a plugin can serve.

use crate::{
    Contact, Draft, Element, Event, InboundVerdict, Manifest, PreAuthStream, PresenceStep,
    RosterItemUpdate, Scope, Session, Stanza, StanzaError, SubscriptionAction,
};

/// The payload of an iq result (or none), or the error to answer with.
pub type Answer = Result<Option<Element>, StanzaError>;

/// What every plugin is (interface `lifecycle`).
pub trait Plugin: Sized + 'static {
    /// Describes the plugin. Must be the same each time; no import but `log` works here.
    fn manifest() -> Manifest;

    /// Makes an instance for the hosts in `scope`, whose configuration `config` reads. The error goes to the operator.
    fn init(scope: Scope) -> Result<Self, String>;

    /// Called once, in one instance, when this plugin and all that it depends on are initialised and about to serve. An
    /// error refuses the plugin, and those that were loaded with it.
    fn started(&self) -> Result<(), String> {
        Ok(())
    }

    /// What the version that is about to take over should know, at most 1 MiB; empty: nothing.
    fn save(&self) -> Vec<u8> {
        Vec::new()
    }

    /// Takes over what version `from` saved. An error leaves the old version serving.
    fn restore(&self, from: &str, leftovers: &[u8]) -> Result<(), String> {
        let _ = (from, leftovers);
        Ok(())
    }

    /// The last call to this version.
    fn shutdown(&self) {}
}

/// Judges stanzas of local clients before they are routed (interface `inbound`, granted as `inbound`).
pub trait Inbound: Plugin {
    /// Judges a stanza that matched one of the manifest's inbound filters. At most 10 ms of CPU time.
    fn filter(&self, stanza: &Stanza) -> Verdict;
}

/// Judges stanzas of others before one session is given them (interface `deliver`, granted as `deliver`).
pub trait Deliver: Plugin {
    /// Judges a stanza that matched one of the manifest's deliver filters, for the session of that full JID. At most 10 ms of
    /// CPU time.
    fn filter(&self, stanza: &Stanza, session: &str) -> Verdict;
}

/// Judges messages that nobody takes before they are kept (interface `offline`, granted as `offline`).
pub trait Offline: Plugin {
    /// Judges a message that matched one of the manifest's offline filters, for the account of that bare JID. At most 10 ms
    /// of CPU time.
    fn filter(&self, message: &Stanza, account: &str) -> OfflineVerdict;
}

/// Judges what sessions say of themselves to all who may see them (interface `presence`, granted as `presence`).
pub trait Presence: Plugin {
    /// Judges presence that matched one of the manifest's presence filters, of the session that sent it and has that id. At most
    /// 10 ms of CPU time.
    fn filter(&self, presence: &Stanza, id: u64, step: PresenceStep) -> PresenceVerdict;

    /// An available session of that full JID is gone, and the server has said so for it.
    fn ended(&self, _session: &str, _id: u64) {}
}

/// Judges what users do with their rosters, and what they are shown of them (interface `roster-hook`, granted as `roster-hook`).
/// What is not written here passes.
pub trait RosterHook: Plugin {
    /// What the clients of an account are shown instead of these contacts; none: just these.
    fn show(&self, _account: &str, _contacts: &[Contact]) -> Option<Vec<Contact>> {
        None
    }

    /// A client of the account gives a contact a name and groups.
    fn update(&self, _account: &str, _contact: &str, _label: &RosterItemUpdate) -> RosterEdit {
        RosterEdit::Pass
    }

    /// A client of the account removes a contact. An error keeps it.
    fn remove(&self, _account: &str, _contact: &str) -> Result<(), StanzaError> {
        Ok(())
    }

    /// A client of the account says a word to a contact, in that stanza.
    fn outbound(
        &self,
        _account: &str,
        _contact: &str,
        _word: SubscriptionAction,
        _presence: &Stanza,
    ) -> OutboundVerdict {
        OutboundVerdict::Pass
    }

    /// The account is told a word by a contact, in that stanza.
    fn inbound(
        &self,
        _account: &str,
        _contact: &str,
        _word: SubscriptionAction,
        _presence: &Stanza,
    ) -> InboundVerdict {
        InboundVerdict::Pass
    }
}

/// Serves iq requests (interface `iq-handler`, granted as `iq-handler`).
pub trait IqHandler: Plugin {
    /// Answers a request that matched one of the manifest's iq filters. At most 50 ms of CPU time.
    fn handle(&self, request: &Stanza) -> Answer;
}

/// Serves iq requests of which some are answered later (interface `iq-handler`, granted as `iq-handler`).
pub trait LateIqHandler: Plugin {
    /// Answers a request that matched one of the manifest's iq filters, or promises to [`answer_later`](crate::answer_later) it later by
    /// its token. At most 50 ms of CPU time.
    fn handle(&self, request: &Stanza, token: u64) -> Deferred;
}

/// Owns a domain below each served one (interface `component`, granted as `component`).
pub trait Component: Plugin {
    /// Handles one stanza to an address at the domain. At most 50 ms of CPU time.
    fn handle(&self, stanza: &Stanza, token: u64) -> Handled;
}

/// Gets the answers to requests sent by `router::request` (interface `reply-handler`, granted as `reply-handler`).
pub trait ReplyHandler: Plugin {
    /// The answer came: an iq of type result or error.
    fn answered(&self, token: u64, reply: &Stanza);

    /// No answer came in time.
    fn timed_out(&self, token: u64);
}

/// Is called when a timer set by `timers::set` is due (interface `timer-handler`, granted as `timer-handler`).
pub trait TimerHandler: Plugin {
    /// The timer of that name is due.
    fn due(&self, name: &str);
}

/// Is told what became of accounts (interface `account-events`, granted as `account-events`).
pub trait AccountEvents: Plugin {
    /// An account was made. Its bare JID.
    fn registered(&self, _account: &str) {}

    /// An account has a new password.
    fn password_changed(&self, _account: &str) {}

    /// An account was removed with all its data.
    fn removed(&self, _account: &str) {}

    /// The operator disabled an account: nobody can log in to it until it is enabled again. Its data stay.
    fn disabled(&self, _account: &str) {}

    /// The operator enabled an account that was disabled.
    fn enabled(&self, _account: &str) {}
}

/// Is told which sessions come and go (interface `session-events`, granted as `session-events`).
pub trait SessionEvents: Plugin {
    /// A resource was bound, or was there when the plugin came.
    fn bound(&self, session: &Session);

    /// A session ended.
    fn unbound(&self, _session: &Session) {}
}

/// Is told what other plugins publish (interface `plugin-events`, granted as `plugin-events`).
pub trait PluginEvents: Plugin {
    /// An event that the manifest listens to.
    fn published(&self, event: &Event);
}

/// May deny registrations (interface `registration-veto`, granted as `registration-veto`).
pub trait RegistrationVeto: Plugin {
    /// May the account of this bare JID be made, as the plugin of that name wants?
    fn registering(&self, account: &str, plugin: &str) -> Result<(), StanzaError>;
}

/// May deny changes of passwords (interface `password-veto`, granted as `password-veto`).
pub trait PasswordVeto: Plugin {
    /// May the account get a new password, as the plugin of that name wants?
    fn changing(&self, account: &str, plugin: &str) -> Result<(), StanzaError>;
}

/// May deny removals of accounts (interface `removal-veto`, granted as `removal-veto`).
pub trait RemovalVeto: Plugin {
    /// May the account be removed, as the plugin of that name wants?
    fn removing(&self, account: &str, plugin: &str) -> Result<(), StanzaError>;
}

/// What becomes of a request that need not be answered at once.
#[must_use = "a request is answered only by what is returned"]
pub enum Deferred {
    /// The payload of its result (or none), or its error.
    Now(Answer),
    /// The plugin settles it within so many seconds (1 to 300).
    Later(u32),
}

/// What a component did with a stanza.
#[must_use = "a request is answered only by what is returned"]
pub enum Handled {
    /// All that is to be done; a request that is told so is answered `service-unavailable`.
    Done,
    /// An iq request is answered with this payload.
    Answer(Option<Element>),
    /// The sender gets this error.
    Bounce(StanzaError),
    /// The plugin settles an iq request within so many seconds (1 to 300).
    Later(u32),
}

/// Serves streams before authentication (interface `pre-auth`, granted as `pre-auth`).
pub trait PreAuth: Plugin {
    /// Stream features to offer on this stream.
    fn features(&self, on: &PreAuthStream) -> Vec<Element>;

    /// Answers an iq request that matched one of the manifest's pre-auth subscriptions.
    fn handle(&self, on: &PreAuthStream, request: &Stanza) -> Answer;
}

/// What becomes of a stanza that an inbound or deliver hook judged.
#[must_use = "a verdict decides only when it is returned"]
pub enum Verdict {
    /// It goes on.
    Pass,
    /// The draft goes on instead.
    Replace(Draft),
    /// It ends here without a word (an iq request is answered `service-unavailable`).
    Drop,
    /// Its sender gets this error.
    Bounce(StanzaError),
    /// An iq request is answered with this payload.
    Answer(Option<Element>),
}

/// What becomes of a message that an offline hook judged.
#[must_use = "a verdict decides only when it is returned"]
pub enum OfflineVerdict {
    /// It is kept.
    Pass,
    /// The draft is kept instead.
    Replace(Draft),
    /// It is thrown away without a word.
    Drop,
    /// Its sender gets this error.
    Bounce(StanzaError),
    /// The plugin has seen to it.
    Handled,
}

/// What becomes of presence that a presence hook judged.
#[must_use = "a verdict decides only when it is returned"]
pub enum PresenceVerdict {
    /// It goes on.
    Pass,
    /// The draft goes on instead.
    Replace(Draft),
    /// It has not been said: the session stays what it was.
    Drop,
}

/// What becomes of a contact that a user adds or changes.
#[must_use = "a verdict decides only when it is returned"]
pub enum RosterEdit {
    /// It is done.
    Pass,
    /// It is done with that name and these groups instead.
    Replace(RosterItemUpdate),
    /// It is not done, and the client gets this error.
    Deny(StanzaError),
}

/// What becomes of a word that a user says.
#[must_use = "a verdict decides only when it is returned"]
pub enum OutboundVerdict {
    /// It is said.
    Pass,
    /// It is not said, and its client hears nothing.
    Drop,
    /// It is not said, and its client gets this error.
    Bounce(StanzaError),
}
