//! What a plugin's call asks the server to do after its answer.

use waxwing_plugins::FollowUp;

use crate::{
    context::ServerContext,
    delivery::{mailbox::End, roster_job::RosterJob},
};

/// Does what a call asked for besides its answer, once that is on its way.
pub(crate) fn apply_follow_ups(server: &ServerContext, follow_ups: Vec<FollowUp>) {
    for follow_up in follow_ups {
        match follow_up {
            FollowUp::EndSessions { account } => {
                server.router.end_account(&account, End::AccountGone);
            }
            FollowUp::EndSession { session } => server.router.end_session(&session, End::Policy),
            // An account that is offline reads its roster when it comes.
            FollowUp::ContactChanged { account, .. }
                if !server.router.is_connected(account.as_str()) => {}
            roster @ (FollowUp::ContactChanged { .. }
            | FollowUp::UpdateContact { .. }
            | FollowUp::RemoveContact { .. }) => {
                server.roster_jobs.send(RosterJob::FollowUp(roster));
            }
        }
    }
}
