//! Those on a list have each other in the roster, each seeing the other, in a group of that name; everybody else's roster is
//! empty. Nobody can change it.
use waxwing_plugin::prelude::*;

struct Staff {
    /// User names.
    members: Vec<String>,
    group: String,
}

impl Plugin for Staff {
    fn manifest() -> Manifest {
        manifest!("those on a list have each other in the roster")
            .setting(Setting::texts(
                "members",
                "the user names of those on the list",
            ))
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
        let own = waxwing_plugin::jid::local(account).unwrap_or_default();
        let host = waxwing_plugin::jid::domain(account);
        let is_member = self.members.iter().any(|member| member == own);
        let others = self
            .members
            .iter()
            .filter(|&member| is_member && member != own);
        let contacts = others.map(|other| {
            let contact = Contact::new(&format!("{other}@{host}"));
            contact.named(other).group(&self.group).both()
        });
        Ok(Roster {
            version: None,
            contacts: contacts.collect(),
        })
    }
}

waxwing_plugin::plugin!(Staff: RosterProvider);

#[cfg(test)]
mod tests {
    use waxwing_plugin::harness::Harness;

    use super::*;

    #[test]
    fn those_on_the_list_have_each_other_and_nobody_else_has_anybody() {
        let staff = Harness::<Staff>::new().config("members", ["juliet", "nurse"]);
        let mut staff = staff.config("group", "House").start().unwrap();
        let roster = staff.contacts("juliet@localhost").unwrap();
        let nurse = Contact::new("nurse@localhost")
            .named("nurse")
            .group("House")
            .both();
        assert_eq!(roster.contacts, [nurse]);
        let outside = staff.contacts("romeo@localhost").unwrap();
        assert_eq!(outside.contacts, []);
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
