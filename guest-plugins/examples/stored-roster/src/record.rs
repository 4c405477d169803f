//! How an entry is written: its parts, with characters between them that XML has not.

use waxwing_plugin::prelude::*;

/// Between the parts, and between groups.
const PART: char = '\u{1e}';
const GROUP: char = '\u{1f}';

/// What is kept about somebody.
#[derive(Clone)]
pub(crate) struct Record {
    /// Who it is.
    pub(crate) about: String,
    pub(crate) entry: Entry,
    /// The request that waits, and since when, in milliseconds.
    pub(crate) request: String,
    pub(crate) since: u64,
}

impl Default for Record {
    fn default() -> Self {
        Self {
            about: String::new(),
            entry: Entry {
                contact: None,
                requested: false,
            },
            request: String::new(),
            since: 0,
        }
    }
}

impl Record {
    /// The record in another state.
    pub(crate) fn stepped(&self, about: &str, state: State) -> Self {
        Self {
            entry: state.applied(&self.entry, about),
            ..self.clone()
        }
    }

    pub(crate) fn write(&self) -> Vec<u8> {
        let mut flags = String::new();
        let mut flag = |is: bool, letter| {
            if is {
                flags.push(letter);
            }
        };
        let state = State::of(&self.entry);
        flag(self.entry.contact.is_some(), 'i');
        flag(state.to, 't');
        flag(state.from, 'f');
        flag(state.asked, 'a');
        flag(state.approved, 'p');
        flag(state.requested, 'r');
        let contact = self.entry.contact.as_ref();
        let name = contact.and_then(|contact| contact.name.clone());
        let groups = contact.map(|contact| contact.groups.join(&GROUP.to_string()));
        let since = self.since.to_string();
        let parts = [
            flags.as_str(),
            name.as_deref().unwrap_or_default(),
            groups.as_deref().unwrap_or_default(),
            since.as_str(),
            self.request.as_str(),
        ];
        parts.join(&PART.to_string()).into_bytes()
    }

    /// None: it was not written here.
    pub(crate) fn read(about: &str, value: &[u8]) -> Option<Self> {
        let text = str::from_utf8(value).ok()?;
        let mut parts = text.splitn(5, PART);
        let flags = parts.next()?;
        let (name, groups) = (parts.next()?, parts.next()?);
        let since = parts.next()?.parse().ok()?;
        let request = parts.next()?.to_owned();
        let has = |letter| flags.contains(letter);
        let state = State {
            to: has('t'),
            from: has('f'),
            asked: has('a'),
            requested: has('r'),
            approved: has('p'),
        };
        let groups = groups.split(GROUP).filter(|group| !group.is_empty());
        let contact = has('i').then(|| Contact {
            groups: groups.map(str::to_owned).collect(),
            ..Contact::new(about).named(name)
        });
        let bare = Entry {
            contact,
            requested: false,
        };
        Some(Self {
            about: about.to_owned(),
            entry: state.applied(&bare, about),
            request,
            since,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let contact = Contact::new("nurse@localhost")
            .named("Nurse")
            .group("a b")
            .group("c");
        for asked in [false, true] {
            let record = Record {
                about: "nurse@localhost".to_owned(),
                entry: Entry {
                    contact: Some(Contact {
                        asked,
                        approved: true,
                        ..contact.clone()
                    }),
                    requested: true,
                },
                request: "<presence/>".to_owned(),
                since: 7,
            };
            let read = Record::read("nurse@localhost", &record.write()).unwrap();
            assert_eq!(read.entry, record.entry);
            assert_eq!((read.request.as_str(), read.since), ("<presence/>", 7));
        }
        let request_alone = Record {
            about: "x@localhost".to_owned(),
            entry: Entry {
                contact: None,
                requested: true,
            },
            ..Record::default()
        };
        let read = Record::read("x@localhost", &request_alone.write()).unwrap();
        assert_eq!(read.entry, request_alone.entry);
        assert!(Record::read("x@localhost", b"something else").is_none());
    }
}
