//! Every user of the host has the staff in the roster, in a group, and receives its presence. The staff are the accounts on a
//! list in the configuration. A member of the staff sees the other members; users who are not on the list are contacts of the
//! staff with the subscription `from`. Clients cannot change these rosters.
use waxwing_plugin::jid;
use waxwing_plugin::prelude::*;

/// Accounts read at a time.
const PAGE: u32 = 1_000;

struct Staff {
    /// User names.
    members: Vec<String>,
    group: String,
}

impl Plugin for Staff {
    fn manifest() -> Manifest {
        manifest!("every user has the staff in the roster")
            .ask("accounts")
            .ask("roster")
            .setting(Setting::texts("members", "the user names of the staff"))
            .setting(Setting::text("group", "the group that they are in").default("'Staff'"))
            .rosters(AuthOffer::PRIORITY)
    }

    fn init(_: Scope) -> Result<Self, String> {
        let members = config::texts("members");
        Ok(Self {
            members: members.ok_or("members is missing; list the user names")?,
            group: config::text("group").unwrap_or_default(),
        })
    }
}

impl RosterProvider for Staff {
    fn contacts(&self, account: &str) -> Result<Roster, RosterFailure> {
        let own = jid::local(account).unwrap_or_default();
        let host = jid::domain(account);
        let staff = self.members.iter().filter(|&member| member != own);
        let mut contacts: Vec<Contact> = staff.map(|member| self.member(host, member)).collect();
        if self.has(own) {
            contacts = contacts.into_iter().map(Contact::both).collect();
            let users = users(host)?.into_iter();
            contacts.extend(
                users
                    .filter(|user| !self.is_staff(user))
                    .map(|user| seen_by(&user)),
            );
        }
        Ok(Roster {
            version: None,
            contacts,
        })
    }
}

impl AccountEvents for Staff {
    fn registered(&self, account: &str) {
        self.tell_staff(account);
    }

    fn removed(&self, account: &str) {
        self.tell_staff(account);
    }
}

impl Staff {
    fn has(&self, username: &str) -> bool {
        self.members.iter().any(|member| member == username)
    }

    fn is_staff(&self, account: &str) -> bool {
        self.has(jid::local(account).unwrap_or_default())
    }

    /// A member of the staff, as every user has it: the user receives the member's presence.
    fn member(&self, host: &str, member: &str) -> Contact {
        let contact = Contact::new(&format!("{member}@{host}"));
        let contact = contact.named(member).group(&self.group);
        Contact {
            subscription: Subscription::To,
            ..contact
        }
    }

    /// The rosters of the staff have changed, about this account.
    fn tell_staff(&self, account: &str) {
        let host = jid::domain(account);
        for member in &self.members {
            if let Err(error) = roster::changed(&format!("{member}@{host}"), account) {
                let text = format!("the staff's rosters do not show {account}: {error:?}");
                return log::write(log::Level::Warn, &text);
            }
        }
    }
}

/// A user, as a member of the staff has it: the user receives the member's presence, and not the other way round.
fn seen_by(user: &str) -> Contact {
    let name = jid::local(user).unwrap_or_default();
    Contact {
        subscription: Subscription::From,
        ..Contact::new(user).named(name)
    }
}

/// The accounts of a host.
fn users(host: &str) -> Result<Vec<String>, RosterFailure> {
    let mut users: Vec<String> = Vec::new();
    loop {
        let page = accounts::list(host, users.last().map(String::as_str), PAGE);
        let page = page.map_err(|_| RosterFailure::Unavailable)?;
        users.extend(page.accounts);
        if !page.more {
            return Ok(users);
        }
    }
}

waxwing_plugin::plugin!(Staff: RosterProvider, AccountEvents);

#[cfg(test)]
mod tests {
    use waxwing_plugin::harness::Harness;

    use super::*;

    fn shown(roster: &Roster) -> Vec<String> {
        let contacts = roster.contacts.iter();
        let shown = contacts.map(|one| format!("{} {:?}", one.jid, one.subscription));
        shown.collect()
    }

    #[test]
    fn every_user_has_the_staff_and_the_staff_is_seen_by_every_user() {
        let staff = Harness::<Staff>::new().config("members", ["juliet", "nurse"]);
        let staff = staff
            .account("juliet@localhost", "x")
            .account("romeo@localhost", "x");
        let mut staff = staff.config("group", "House").start().unwrap();
        let juliet = staff.contacts("juliet@localhost").unwrap();
        assert_eq!(
            shown(&juliet),
            [
                "nurse@localhost Subscription::Both",
                "romeo@localhost Subscription::From"
            ]
        );
        let romeo = staff.contacts("romeo@localhost").unwrap();
        assert_eq!(
            shown(&romeo),
            [
                "juliet@localhost Subscription::To",
                "nurse@localhost Subscription::To"
            ]
        );
        let nurse = Contact::new("nurse@localhost")
            .named("nurse")
            .group("House")
            .both();
        assert_eq!(juliet.contacts.first(), Some(&nurse));
    }

    #[test]
    fn without_a_list_it_does_not_begin() {
        let why = Harness::<Staff>::new().start().err();
        assert_eq!(
            why.as_deref(),
            Some("members is missing; list the user names")
        );
    }
}
