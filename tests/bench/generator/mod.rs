//! A client for any server that costs far less than a server: what it sends was built before, and what it receives is only
//! searched for marks.

pub(crate) mod friends;
mod keys;
mod latencies;
mod link;
mod login;
mod marks;
mod tally;

pub(crate) use keys::Keyring;
pub(crate) use latencies::Latencies;
pub(crate) use link::{Link, Reader, Received, shared_buffer};
pub(crate) use login::{ARRIVE, Session, Target, Transport, jid_of, user};
pub(crate) use marks::Marks;
pub(crate) use tally::Tally;
