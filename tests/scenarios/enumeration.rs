//! Nobody finds out by trying who has an account: a user who is not there takes as long as one who is.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use waxwing_tests::client::login::{auth, outcome, response};
use waxwing_tests::client::sasl::{Scram, decode, encode, plain};
use waxwing_tests::server::Settings;
use waxwing_tests::{Client, Server};

/// Attempts as each of the two: by PLAIN, each of which costs a hash, and by SCRAM.
const BY_PLAIN: usize = 100;
const BY_SCRAM: usize = 300;
/// What two medians that should be the same may differ by, of the larger. Without a hash for nobody's password the lesser would be a
/// twentieth of the larger.
const APART: f64 = 0.5;
/// Seconds that are the machine's noise: a hash takes several times as long.
const LEAST: f64 = 0.001;

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

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64()
}

/// Has both tried in turn, so that whatever the machine does meanwhile happens to both.
async fn compare(
    attempts: usize,
    attempt: impl AsyncFn(&str) -> Result<Vec<Duration>>,
) -> Result<()> {
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for _ in 0..attempts {
        known.push(attempt("juliet").await?);
        unknown.push(attempt("nobody").await?);
    }
    for step in 0..known[0].len() {
        let of = |times: &[Vec<Duration>]| median(times.iter().map(|steps| steps[step]).collect());
        let (known, unknown) = (of(&known), of(&unknown));
        let apart = (known - unknown).abs();
        let alike = apart < LEAST || apart / known.max(unknown) < APART;
        ensure!(alike, "{known} s known, {unknown} s unknown");
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
