//! Rows 10, 12, 13 and 16, by the fixture `actor`, which does what it is told: it is granted all that it asks for, so that what
//! it may not do is refused for what it is.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use super::time;
use crate::matrix::{Matrix, act};

/// The one that floods, and the one whose data is to be as it was.
const FLOODS: &str = "actor-2";
const NEIGHBOUR: &str = "actor";

/// More keys, more bytes and more of both for accounts than a plugin may have; keys that look like paths.
pub(super) async fn row_10_storage_ends_at_its_quota(matrix: &mut Matrix) -> Result<Value> {
    matrix.install(FLOODS).await?;
    matrix.install(NEIGHBOUR).await?;
    let keys = [
        "kept",
        "../actor/kept",
        "../../waxwing.db",
        "/etc/passwd",
        "..",
    ];
    let each = |step: &str, more: &str| -> String {
        let steps = keys.map(|key| format!("<{step} key='{key}' {more}/>"));
        steps.concat()
    };
    matrix.act(NEIGHBOUR, &each("put", "value='mine'")).await?;
    let files = files(&matrix.server.plugins())?;

    // Bytes: a mebibyte a call, of which there is room for some sixty.
    let (mut kept, mut refused) = (0_u32, 0_u32);
    for number in 0..100 {
        let owner = ["", "of='juliet@localhost'"][number % 2];
        let put =
            format!("<put key='big-{number}' value='0123456789abcdef' times='65536' {owner}/>");
        let is_full = u32::from(full(matrix, &put).await?);
        refused += is_full;
        kept += 1 - is_full;
    }
    ensure!((32..=64).contains(&kept), "{kept} of 100 MiB were kept");
    let size = database(matrix)?;
    // What is past the quota is nowhere, neither in the file nor in what is yet to be written to it.
    for number in 0..100 {
        let put = format!("<put key='more-{number}' value='0123456789abcdef' times='65536'/>");
        ensure!(full(matrix, &put).await?, "{number} was kept");
    }
    let grown = database(matrix)?.saturating_sub(size);
    ensure!(grown <= 4 << 20, "{grown} bytes more past the quota");

    // Keys: a million would be a thousand such calls; ten are too many already.
    let mut calls = 0;
    for round in 0..20 {
        let fill = format!("<fill prefix='{round}-' keys='1000'/>");
        calls += u32::from(!full(matrix, &fill).await?);
    }
    ensure!(calls <= 10, "{} keys were kept", calls * 1_000);

    // Its own place alone: where it writes the same keys, the other's are as they were, and there is no new file.
    for number in 0..100 {
        matrix
            .act(FLOODS, &format!("<delete key='big-{number}'/>"))
            .await?;
    }
    matrix.act(FLOODS, &each("put", "value='yours'")).await?;
    let read = each("get", "");
    ensure!(
        matrix.act(NEIGHBOUR, &read).await? == ["mine"; 5],
        "the neighbour's keys"
    );
    ensure!(matrix.act(FLOODS, &read).await? == ["yours"; 5], "its own");
    ensure!(
        files == self::files(&matrix.server.plugins())?,
        "files came or went"
    );
    matrix.remove(FLOODS).await?;
    matrix.remove(NEIGHBOUR).await?;
    Ok(
        json!({ "MiB kept of 100": kept, "refused": refused, "KiB more past the quota": grown >> 10, "keys kept of 20,000": calls * 1_000 }),
    )
}

/// Whether a call is refused because the storage is full. Anything else but a result is an error.
async fn full(matrix: &mut Matrix, steps: &str) -> Result<bool> {
    let script = format!("<do xmlns='urn:example:{FLOODS}'>{steps}</do>");
    let answer = matrix.romeo.iq("set", "localhost", &script).await?;
    match answer.stanza_error().as_deref() {
        None => Ok(false),
        Some("wait/resource-constraint") => Ok(true),
        Some(_) => anyhow::bail!("{answer}"),
    }
}

/// Bytes of the database, with what is yet to be written to it.
fn database(matrix: &Matrix) -> Result<u64> {
    let file = matrix.server.database();
    let log = file.with_extension("db-wal");
    Ok(std::fs::metadata(file)?.len() + std::fs::metadata(log).map_or(0, |log| log.len()))
}

/// What lies beside the plugins folder and in it.
fn files(plugins: &Path) -> Result<Vec<std::path::PathBuf>> {
    let mut files = Vec::new();
    for folder in plugins.ancestors().take(3) {
        for file in folder.read_dir()? {
            files.push(file?.path());
        }
    }
    // The server's own come and go with its work.
    files.retain(|file| !file.to_string_lossy().contains(".db-"));
    files.sort();
    Ok(files)
}

/// A hook that writes to its own sender, a handler that asks itself, two plugins that answer each event with an event.
pub(super) async fn row_12_nothing_that_a_call_causes_enters_it_again(
    matrix: &mut Matrix,
) -> Result<Value> {
    const ROUNDS: usize = 20;
    matrix.install("actor").await?;
    matrix.install("actor-2").await?;
    matrix
        .act("actor", "<remember key='calls' value=''/>")
        .await?;
    let to = matrix.juliet_jid.clone();
    let again =
        "&lt;do xmlns='urn:example:actor'>&lt;count key='again'/>&lt;/do>&lt;body>echo&lt;/body>";
    let script = format!(
        "<count key='again'/><send>&lt;message from='localhost' to='{to}'>{again}&lt;/message></send>"
    );
    for round in 0..ROUNDS {
        let message = format!(
            "<message to='{to}'><body>once</body><do xmlns='urn:example:actor'>{script}</do></message>"
        );
        matrix.romeo.send(&message).await?;
        let mut bodies = [
            matrix.juliet.message().await?.1,
            matrix.juliet.message().await?.1,
        ];
        bodies.sort();
        ensure!(bodies == ["echo", "once"], "round {round}: {bodies:?}");
    }
    let calls = matrix.act("actor", "<recall key='again'/>").await?;
    ensure!(calls == [ROUNDS.to_string()], "{calls:?} calls of the hook");

    // What it asks itself is answered by nobody but the server, who says so.
    let itself = "<ask seconds='30'>&lt;iq type='set' from='localhost' to='localhost'>\
        &lt;do xmlns='urn:example:actor'>&lt;count key='asked'/>&lt;/do>&lt;/iq></ask>";
    let token = matrix.act("actor", itself).await?.concat();
    let reply = format!("reply {token} error localhost");
    matrix
        .heard("actor", |lines| lines.contains(&reply.as_str()))
        .await?;
    let asked = matrix.act("actor", "<recall key='asked'/>").await?;
    ensure!(asked == ["(none)"], "it was called {asked:?} times");

    // An event that causes an event, and so on, has an end, which one of the two is told.
    matrix
        .act("actor", "<publish name='echo' value='e'/>")
        .await?;
    let deep = |lines: &[&str]| lines.iter().any(|line| line.starts_with("echo ended"));
    let mut heard = String::new();
    for _ in 0..200 {
        heard = matrix.heard("actor", |_| true).await? + &matrix.heard("actor-2", |_| true).await?;
        if deep(&heard.split('|').collect::<Vec<_>>()) || heard.contains("echo ended") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    ensure!(heard.contains("too-deep"), "{heard}");
    let echoes = heard.matches(" echo 1 e").count();
    ensure!((1..=8).contains(&echoes), "{echoes} echoes: {heard}");
    matrix.remove("actor").await?;
    matrix.remove("actor-2").await?;
    Ok(json!({ "calls of the hook": ROUNDS, "echoes": echoes }))
}

/// Four sessions' calls wait for a server that takes connections and says nothing; then a session that ends while it waits.
pub(super) async fn row_13_requests_that_nobody_answers_hold_up_nobody_else(
    matrix: &mut Matrix,
) -> Result<Value> {
    const WAITING: usize = 4;
    matrix.install("actor").await?;
    let fetch = format!("<fetch url='http://{}/'/>", matrix.silent.local_addr()?);
    let mut sessions = Vec::new();
    for number in 0..=WAITING {
        let login = waxwing_tests::Login::new("romeo").resource(&format!("waits-{number}"));
        sessions.push(matrix.server.log_in(&login).await?.0);
    }
    let mut leaves = sessions.pop().context("no session")?;
    let began = Instant::now();
    let waits = sessions.iter_mut().map(|session| async {
        let answers = act(session, "actor", &fetch).await?;
        ensure!(answers == ["!HttpError::TimedOut"], "{answers:?}");
        anyhow::Ok(began.elapsed())
    });
    let silent = &matrix.silent;
    let innocent = async {
        let mut connections = Vec::new();
        for _ in 0..WAITING {
            connections.push(silent.accept().await?.0);
        }
        // All of them wait. The same plugin serves others, on no thread of its own.
        let mut answered = 0_u32;
        while began.elapsed() < Duration::from_secs(5) {
            let answer = act(&mut matrix.romeo, "actor", "<token/>").await?;
            ensure!(answer.len() == 1, "{answer:?}");
            time::ping(&mut matrix.romeo).await?;
            answered += 1;
        }
        let threads = time::guest_threads(matrix.server.pid()?)?;
        ensure!(threads == 1, "{threads} threads for guests");
        anyhow::Ok((answered, connections))
    };
    let waits = futures_util::future::try_join_all(waits);
    let (waited, (answered, connections)) = tokio::try_join!(waits, innocent)?;
    ensure!(answered >= 20, "{answered} answers meanwhile");
    let least = waited.iter().min().context("nobody waited")?;
    ensure!(*least >= Duration::from_secs(9), "{waited:?}");
    for connection in connections {
        ended(connection).await?;
    }

    // Whoever leaves in the middle is missed when the call has ended, at its time: nothing of it remains.
    let script = format!(
        "<iq type='set' to='localhost' id='w'><do xmlns='urn:example:actor'>{fetch}</do></iq>"
    );
    leaves.send(&script).await?;
    let (connection, _) = matrix.silent.accept().await?;
    drop(leaves);
    ended(connection).await?;
    let unbound = format!("unbound romeo@localhost/waits-{WAITING}");
    matrix
        .heard("actor", |lines| lines.contains(&unbound.as_str()))
        .await?;
    let stats = matrix.stats("actor").await?;
    ensure!(stats["faults"] == 0, "waiting is no fault: {stats}");
    matrix.act("actor", "<token/>").await?;
    for session in sessions {
        session.close().await?;
    }
    matrix.remove("actor").await?;
    Ok(json!({ "waited s": least.as_secs_f64(), "answers meanwhile": answered }))
}

/// Reads what was asked, to the end of the connection.
async fn ended(mut connection: TcpStream) -> Result<()> {
    let mut asked = Vec::new();
    let end = connection.read_to_end(&mut asked);
    // That it is reset is an end as well.
    let _ = tokio::time::timeout(waxwing_tests::PATIENCE, end)
        .await
        .context("the request goes on")?;
    ensure!(asked.starts_with(b"GET / HTTP/1.1"), "{asked:?}");
    Ok(())
}

/// In messages of its own, and in others' that a hook changes.
pub(super) async fn row_16_what_only_the_server_says_is_refused(
    matrix: &mut Matrix,
) -> Result<Value> {
    const MARKS: [&str; 4] = [
        "&lt;stanza-id xmlns='urn:xmpp:sid:0' id='1' by='localhost'/>",
        "&lt;delay xmlns='urn:xmpp:delay' stamp='2020-01-01T00:00:00Z'/>",
        "&lt;sent xmlns='urn:xmpp:carbons:2'/>",
        "&lt;received xmlns='urn:xmpp:carbons:2'/>",
    ];
    matrix.install("actor").await?;
    let to = matrix.juliet_jid.clone();
    let push = format!(
        "<send>&lt;iq type='set' id='p' from='localhost' to='{to}'>&lt;query xmlns='jabber:iq:roster'>\
         &lt;item jid='mallory@localhost' subscription='both'/>&lt;/query>&lt;/iq></send>"
    );
    let asked = push.replace("send>", "ask>");
    let as_account = push.replace("from='localhost'", "from='juliet@localhost'");
    let mut steps = vec![push, asked, as_account];
    steps.extend(MARKS.map(|mark| {
        format!("<send>&lt;message from='localhost' to='{to}'>{mark}&lt;/message></send>")
    }));
    for step in &steps {
        let answer = matrix.act("actor", step).await?.concat();
        ensure!(answer.contains("Forbidden"), "{step}: {answer}");
    }
    let before = matrix.heard("actor", |_| true).await?;
    for mark in MARKS {
        let mark = mark.replace('\'', "&quot;");
        let message = format!(
            "<message to='{to}' type='chat'><body>judged</body><do xmlns='urn:example:actor' add='{mark}'/></message>"
        );
        matrix.romeo.send(&message).await?;
        let (received, _) = matrix.juliet.message().await?;
        ensure!(received.children.len() == 2, "{mark}: {received}");
    }
    let refused = |lines: &str| lines.matches("not added: ").count();
    let heard = matrix.heard("actor", |_| true).await?;
    ensure!(refused(&heard) - refused(&before) == MARKS.len(), "{heard}");
    // What is nobody's own passes, and nothing came before it.
    let harmless = "&lt;x xmlns=&quot;urn:example:harmless&quot;/>";
    let message = format!(
        "<message to='{to}' type='chat'><body>judged</body><do xmlns='urn:example:actor' add='{harmless}'/></message>"
    );
    matrix.romeo.send(&message).await?;
    let (received, _) = matrix.juliet.message().await?;
    ensure!(
        received.child("x", "urn:example:harmless").is_some(),
        "{received}"
    );
    let dropped = matrix.stats("actor").await?["dropped"].clone();
    ensure!(
        dropped.as_u64() >= Some(steps.len() as u64),
        "what was kept back is counted: {dropped}"
    );
    matrix.remove("actor").await?;
    Ok(json!({ "refused": steps.len() + MARKS.len() }))
}
