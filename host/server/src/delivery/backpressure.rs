//! Giving a session much at once, no faster than its client takes it: its mailbox ends a session that is given too much.

use std::time::Duration;

use tokio::time::Instant;

use super::session_handle::SessionHandle;

/// Bytes in a mailbox up to which it is given more, if half of what the mailbox may hold is not less. What is larger than that waits until the
/// mailbox is empty.
const QUEUED: usize = 128 * 1024;
/// How often it is looked.
const LOOK: Duration = Duration::from_millis(5);
/// The same for a session whose client is away.
const LOOK_HIBERNATED: Duration = Duration::from_millis(250);
/// A client that takes nothing for so long is given nothing more.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until a session's mailbox has room for an item of so many bytes, and its client is there. False: the client takes nothing, or
/// the session is at its end. Not to be awaited by the session itself, which has to read what its client acknowledges.
pub(crate) async fn wait_for_room(handle: &SessionHandle, weight: usize) -> bool {
    let bounds = handle.mailbox().bounds().half();
    let mut least = handle.mailbox().queued().bytes;
    let mut progress = Instant::now();
    loop {
        if handle.mailbox().is_ending() || progress.elapsed() > PATIENCE {
            return false;
        }
        if handle.is_hibernated() {
            progress = Instant::now();
            tokio::time::sleep(LOOK_HIBERNATED).await;
            continue;
        }
        let queued = handle.mailbox().queued();
        let bytes = queued.bytes.saturating_add(weight);
        let fits = bytes <= QUEUED && !bounds.are_exceeded(bytes, queued.items.saturating_add(1));
        if queued.items == 0 || fits {
            return true;
        }
        if queued.bytes < least {
            (least, progress) = (queued.bytes, Instant::now());
        }
        tokio::time::sleep(LOOK).await;
    }
}
