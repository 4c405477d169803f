//! Dialogues: scripts of who sends what and who receives what, run against any XMPP server.
//!
//! A script is a text file. It begins with lines of `key: value` up to the first empty line:
//!
//! ```text
//! title:   A request is granted
//! clause:  RFC 6121 §3.1
//! client:  romeo = romeo/orchard, online
//! client:  juliet = juliet/balcony, online
//! sees:    nurse juliet
//! ```
//!
//! - `client` gives a client its name, its account, the resource that it binds, and how it begins: `online` (it has asked for its
//!   roster and is available), `available` (without the roster), `connected` (its resource is bound) or `absent`.
//!   Without `/resource` the server chooses one. `romeo@other` is an account at the server's second domain.
//! - `account` names an account that no client belongs to; `sees` has the first account subscribed to the presence of the
//!   second, `contacts` both to each other's. `needs: other` asks for a second domain,
//!   `needs: pre-approval` for that feature (RFC 6121 §3.4); a server that has it not is not asked.
//!
//! Accounts are new in each script, or emptied; their real names differ from those in the script. Then come the steps. A line
//! that begins at the margin says who does what; the lines below it that are indented are XML. `#` at the margin begins a comment.
//!
//! ```text
//! romeo sends
//!   <presence to='{juliet}' type='subscribe'/>
//! juliet receives
//!   <presence from='{romeo}' type='subscribe'/>
//! ```
//!
//! | step | means |
//! |---|---|
//! | `X sends` | these bytes |
//! | `X receives` | exactly these elements come next, in this order |
//! | `X receives in any order` | exactly these come next |
//! | `X may receive` | any of these may have come by the time that `receives nothing` speaks of: the standard leaves it open |
//! | `X receives nothing` | nothing has come for X when all others and then X itself have had a ping answered |
//! | `X skips` | whatever has come by then, without a look |
//! | `X connects` | logs in and binds its resource; nothing else |
//! | `X closes`, `X is cut off` | ends its stream in good order, or drops its connection |
//! | `X is refused CONDITION` | tries to bind its resource and gets that stanza error |
//! | `X is ended by CONDITION` | its stream ends with that error |
//!
//! When a script is over, nothing may be left that some client has received and no step has named.
//!
//! In XML, `{romeo}` is an account's bare JID, `{romeo.user}` its local part, `{romeo.jid}` the full JID of a client; `{host}` and
//! `{other}` are the domains, `{nobody}` an account that does not exist. What is expected of a stanza is all that it has, but for:
//! its `id`, `to`, `from`, `xml:lang` and `ver`, which may be anything where the script does not name them; the delay of
//! presence; what an error holds beside its type and condition. An attribute `'*'` has any value, `'!'` is not there, `'{=name}'` has any value, which `{name}`
//! then stands for; the text `*` is any text, and `...` allows for more children and text. The prefix `e:` stands for the
//! conditions of stanza errors, and the namespace is `jabber:client` unless it is said. The order of attributes and of children
//! means nothing.

mod names;
mod pattern;
mod run;
mod script;
mod speaker;
mod target;

use std::path::{Path, PathBuf};

pub use run::{Outcome, run};
pub use script::Script;
pub use target::{Accounts, Target};

/// The folder of this project's scripts.
#[must_use]
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/dialogues")
}
