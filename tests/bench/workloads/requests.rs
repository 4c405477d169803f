//! Requests to the server itself.

use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::Tasks;
use crate::generator::{Reader, Session, Tally, Target};
use crate::metric::Values;

/// Sessions that ask.
pub(super) const SESSIONS: u32 = 50;
/// The id of every request, which stands once in its answer.
const MARK: &str = "bench-request";

/// Measures while all sessions ask again as soon as they are answered.
pub(super) async fn run(payload: &str, target: &Target, span: Duration) -> Result<Values> {
    let request = format!("<iq type='get' id='{MARK}' to='localhost'>{payload}</iq>");
    let tally = Tally::new();
    let mut tasks = Tasks::new();
    for mut session in target.sessions(0..SESSIONS).await? {
        let answer = session.ask(&request, ">", &target.buffer).await?;
        ensure!(
            answer.contains("result"),
            "{payload} was answered by {answer}"
        );
        // The rest of an answer that came in pieces.
        session.do_first("", &target.buffer).await?;
        tasks.add(ask(
            session,
            request.clone(),
            target.clone(),
            Rc::clone(&tally),
        ));
    }
    tasks.during(tally.measure(target.pid, span)).await
}

async fn ask(session: Session, request: String, target: Target, tally: Rc<Tally>) -> Result<()> {
    let mut reader = Reader::new(session.link, MARK, &target.buffer);
    loop {
        let asked = Instant::now();
        reader.link.send(request.as_bytes()).await?;
        reader.until(1).await?;
        tally.took(asked.elapsed());
        tally.add(1);
    }
}
