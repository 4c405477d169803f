//! Nobody finds out by trying who has an account: a user who is not there takes as long as one who is.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use waxwing_tests::client::login::{auth, outcome, response};
use waxwing_tests::client::sasl::{Scram, decode, encode, plain};
use waxwing_tests::server::Settings;
use waxwing_tests::{Client, Server};

/// Attempts as each of the two: by PLAIN, each of which costs a hash, and by SCRAM.
const BY_PLAIN: usize = 150;
const BY_SCRAM: usize = 300;
/// In so many of ten pairs of attempts the one may take longer than the other: it is five where nothing tells them apart (Mann and
/// Whitney's test), and with so many attempts chance leads to seven less often than once in a million runs. Without a hash for nobody's
/// password it would be ten, with one of half the rounds more than eight.
const OF_TEN: usize = 7;
/// What does not count as longer. To find a salt takes up to 15 µs more than to make one up; a hash takes a millisecond.
const NOTHING: Duration = Duration::from_micros(50);

async fn connect(server: &Server) -> Result<Client> {
    let mut client = server.connect().await?;
    client.open("localhost").await?;
    Ok(client)
}

/// Sends, and measures the time until the answer.
async fn answered(client: &mut Client, text: &str) -> Result<(waxwing_tests::Element, Duration)> {
    let asked = Instant::now();
    client.send(text).await?;
    let answer = client.element().await?;
    Ok((answer, asked.elapsed()))
}

/// A wrong password by PLAIN: how long the refusal takes.
async fn by_plain(server: &Server, user: &str) -> Result<Vec<Duration>> {
    let mut client = connect(server).await?;
    let attempt = auth("PLAIN", &plain("", user, "wrong"));
    let (answer, took) = answered(&mut client, &attempt).await?;
    ensure!(
        outcome(&answer)? == Err("not-authorized".to_owned()),
        "{answer}"
    );
    Ok(vec![took])
}

/// The same by SCRAM: how long the challenge takes, and the refusal.
async fn by_scram(server: &Server, user: &str) -> Result<Vec<Duration>> {
    let mut client = connect(server).await?;
    let mut scram = Scram::new(true, "n,,", &[], user, "wrong")?;
    let first = auth("SCRAM-SHA-256", &encode(scram.first()));
    let (challenge, first) = answered(&mut client, &first).await?;
    let challenge = String::from_utf8(decode(&challenge.text)?)?;
    let last = response(&encode(scram.respond(&challenge)?));
    let (answer, last) = answered(&mut client, &last).await?;
    ensure!(
        outcome(&answer)? == Err("not-authorized".to_owned()),
        "{answer}"
    );
    Ok(vec![first, last])
}

/// Neither takes longer than the other in most pairs of attempts.
fn judge(known: &[Duration], unknown: &[Duration]) -> Result<()> {
    for (name, one, other) in [("known", known, unknown), ("unknown", unknown, known)] {
        let pairs = one
            .iter()
            .flat_map(|one| other.iter().map(move |other| (one, other)));
        let longer = pairs
            .filter(|(one, other)| **one > **other + NOTHING)
            .count();
        let pairs = one.len() * other.len();
        ensure!(
            longer * 10 < pairs * OF_TEN,
            "in {longer} of {pairs} pairs the {name} user took longer: known {:?}, unknown {:?}",
            median(known),
            median(unknown)
        );
    }
    Ok(())
}

fn median(times: &[Duration]) -> Duration {
    let mut times = times.to_vec();
    times.sort_unstable();
    times[times.len() / 2]
}

/// Has both tried in turn, each first as often as the other, so that whatever the machine does meanwhile happens to both.
async fn compare(
    attempts: usize,
    attempt: impl AsyncFn(&str) -> Result<Vec<Duration>>,
) -> Result<()> {
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for number in 0..attempts {
        if number.is_multiple_of(2) {
            known.push(attempt("juliet").await?);
            unknown.push(attempt("nobody").await?);
        } else {
            unknown.push(attempt("nobody").await?);
            known.push(attempt("juliet").await?);
        }
    }
    for step in 0..known[0].len() {
        let of =
            |times: &[Vec<Duration>]| -> Vec<_> { times.iter().map(|steps| steps[step]).collect() };
        judge(&of(&known), &of(&unknown))?;
    }
    Ok(())
}

#[tokio::test]
async fn an_unknown_user_takes_as_long_as_a_known_one() -> Result<()> {
    let config = "[sasl]\nallow_plain_without_tls = true";
    let server = Settings::new().plain().config(config).start().await?;
    server.account("juliet").await?;
    compare(BY_PLAIN, async |user: &str| by_plain(&server, user).await).await?;
    compare(BY_SCRAM, async |user: &str| by_scram(&server, user).await).await?;
    server.stop().await
}
