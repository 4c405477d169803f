//! The one queue to the spool: what is kept, secured and removed happens in the order in which it was asked for, as much at once as
//! there is; but what plugins judge first keeps up those of its own account alone (`lanes`).

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::{mpsc, oneshot};
use waxwing_storage::{AccountId, StreamNote};
use waxwing_xmpp::{jid::BareJid, stanza::Stanza};

use super::{
    receipt::DeliveryReceipt,
    spool_claims::{Claim, Claims, Reader},
};

/// How long a message waits for its turn, and for the database to be asked about it. What is asked then has its own time.
const PATIENCE: Duration = Duration::from_secs(5);

/// Something for the spool to do.
#[derive(Debug)]
pub(crate) enum SpoolTask {
    /// To keep a message that nobody takes, and to tell who waits for it.
    Store {
        stanza: Stanza,
        waiting: Option<Waiting>,
    },
    /// To put a message there that is still on its way.
    SpoolCopy(Arc<DeliveryReceipt>),
    /// To remove a message that was delivered.
    Remove { account: AccountId, id: u64 },
    /// To give what waits for an account to a session of its that takes messages, if there is one that is not being given them.
    Give(BareJid),
    /// To note how far a resumable stream is.
    SaveStreamPosition(StreamNote),
    /// To note how far a stream is whose session is over.
    SaveLastStreamPosition(StreamNote),
    /// To forget a resumable stream.
    ForgetStream(String),
    /// To say that all that was asked for before is done, or all about one account.
    Barrier {
        account: Option<BareJid>,
        done: oneshot::Sender<()>,
    },
}

/// Who waits until a message is kept or refused.
#[derive(Debug)]
pub(crate) struct Waiting {
    done: oneshot::Sender<()>,
    since: Instant,
}

impl Waiting {
    /// From now on.
    pub(crate) fn new(done: oneshot::Sender<()>) -> Self {
        Self {
            done,
            since: Instant::now(),
        }
    }

    /// Whether that is too long already, however near an answer may be: it is refused.
    pub(crate) fn is_too_long(&self) -> bool {
        self.since.elapsed() > PATIENCE
    }

    /// Tells, if whoever waited is still there.
    pub(crate) fn tell(self) {
        let _ = self.done.send(());
    }
}

/// The way there.
#[derive(Debug, Clone)]
pub(crate) struct SpoolQueue {
    tasks: mpsc::UnboundedSender<SpoolTask>,
    claims: Claims,
}

impl SpoolQueue {
    /// A new queue.
    pub(crate) fn new() -> (Self, mpsc::UnboundedReceiver<SpoolTask>) {
        let (tasks, queue) = mpsc::unbounded_channel();
        let claims = Claims::default();
        (Self { tasks, claims }, queue)
    }

    /// Asks for something. Nothing is done any more when the server has stopped.
    pub(crate) fn send(&self, task: SpoolTask) {
        // Sessions are over by then.
        let _ = self.try_send(task);
    }

    /// The same; what is not done comes back.
    pub(crate) fn try_send(&self, task: SpoolTask) -> Result<(), Box<SpoolTask>> {
        self.tasks.send(task).map_err(|unsent| Box::new(unsent.0))
    }

    /// Claims a message of the spool; `None`: a session has it already, or was given it.
    pub(super) fn claim(&self, account: AccountId, id: u64) -> Option<Claim> {
        self.claims.claim(account, id)
    }

    /// Begins to read an account's spool.
    pub(crate) fn read(&self, account: AccountId) -> Reader {
        self.claims.read(account)
    }

    /// Waits until all that was asked for before is done, or all about one account.
    pub(crate) async fn barrier(&self, account: Option<BareJid>) {
        let (done, answer) = oneshot::channel();
        self.send(SpoolTask::Barrier { account, done });
        // It is dropped, here or when the server has stopped.
        let _ = answer.await;
    }
}
