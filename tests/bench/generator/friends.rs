//! Makes rosters before a measurement, by the same stanzas on every server.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use tokio::task::JoinSet;
use tokio::time::timeout;
use waxwing_tests::PATIENCE;

use super::{ARRIVE, Reader, Session, Target, jid_of};

/// Who knows whom; each knows the other then, and both see each other's presence.
pub(crate) type Friendships = Vec<(u32, u32)>;

/// Between a number of users in a ring, each of whom knows so many others.
pub(crate) fn ring(users: u32, contacts: u32) -> Friendships {
    let half = contacts / 2;
    (0..users)
        .flat_map(|user| (1..=half).map(move |step| (user, (user + step) % users)))
        .collect()
}

/// Between the first user and so many others.
pub(crate) fn star(contacts: u32) -> Friendships {
    (1..=contacts).map(|contact| (contact, 0)).collect()
}

/// What a user sends and waits for in one step.
type Steps = BTreeMap<u32, (String, u64)>;

/// Has all of them become friends, while all are there.
pub(crate) async fn make(target: &Target, users: u32, friendships: &Friendships) -> Result<()> {
    let mut sessions = target.sessions(0..users).await?;
    for session in &mut sessions {
        session.do_first(ARRIVE, &target.buffer).await?;
    }
    let asking = readers(sessions, "type='subscribe'", target);
    // The first of each asks, the second allows it and asks in turn, the first allows that.
    let (mut first, mut second, mut third) = (Steps::new(), Steps::new(), Steps::new());
    for &(a, b) in friendships {
        let (to_a, to_b) = (jid_of(a), jid_of(b));
        first.entry(a).or_default().0 += &presence(&to_b, "subscribe");
        first.entry(b).or_default().1 += 1;
        let both = presence(&to_a, "subscribed") + &presence(&to_a, "subscribe");
        second.entry(b).or_default().0 += &both;
        second.entry(a).or_default().1 += 1;
        third.entry(a).or_default().0 += &presence(&to_b, "subscribed");
        third.entry(b).or_default().1 += 1;
    }
    let asked = step(asking, &first).await?;
    let asked = step(asked, &second).await?;
    let sessions = asked.into_iter().map(|reader| Session {
        link: reader.link,
        jid: String::new(),
    });
    let allowing = readers(sessions.collect(), "type='subscribed'", target);
    step(allowing, &third).await.map(drop)
}

fn readers(sessions: Vec<Session>, mark: &str, target: &Target) -> Vec<Reader> {
    let readers = sessions.into_iter();
    readers
        .map(|session| Reader::new(session.link, mark, &target.buffer))
        .collect()
}

fn presence(to: &str, kind: &str) -> String {
    format!("<presence to='{to}' type='{kind}'/>")
}

/// Everybody sends what is theirs to send and waits for what is to come; all at the same time, as nobody may stop reading.
async fn step(readers: Vec<Reader>, steps: &Steps) -> Result<Vec<Reader>> {
    let mut tasks = JoinSet::new();
    let (done, _) = tokio::sync::watch::channel(0_usize);
    let all = readers.len();
    for (place, mut reader) in readers.into_iter().enumerate() {
        let number = u32::try_from(place)?;
        let (text, wanted) = steps.get(&number).cloned().unwrap_or_default();
        let (done, mut others) = (done.clone(), done.subscribe());
        tasks.spawn_local(async move {
            reader.link.send(text.as_bytes()).await?;
            reader.until(wanted).await?;
            done.send_modify(|count| *count += 1);
            // What comes for others' sake is read until all have theirs.
            loop {
                tokio::select! {
                    read = reader.next() => drop(read?),
                    finished = others.wait_for(|count| *count == all) => {
                        finished?;
                        return anyhow::Ok((place, reader));
                    }
                }
            }
        });
    }
    let mut back = Vec::with_capacity(all);
    while let Some(reader) = timeout(PATIENCE, tasks.join_next())
        .await
        .context("a subscription never arrived")?
    {
        back.push(reader??);
    }
    back.sort_by_key(|(place, _)| *place);
    Ok(back.into_iter().map(|(_, reader)| reader).collect())
}

#[cfg(test)]
mod tests {
    use super::{ring, star};

    #[test]
    fn in_a_ring_everybody_knows_as_many() {
        let ring = ring(10, 4);
        for user in 0..10 {
            let of = |pair: &&(u32, u32)| pair.0 == user || pair.1 == user;
            assert_eq!(ring.iter().filter(of).count(), 4);
        }
        assert_eq!(star(3), [(1, 0), (2, 0), (3, 0)]);
    }
}
