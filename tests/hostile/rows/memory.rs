//! Row 3: what instances have together.

use anyhow::{Result, ensure};
use futures_util::future::try_join_all;
use serde_json::{Value, json};
use waxwing_tests::Client;

use crate::matrix::{Matrix, refused};

/// As many as surely meet more than four instances, one of which serves each 32nd of all accounts.
const ACCOUNTS: usize = 24;
/// Bytes of an instance.
const INSTANCE: u64 = 60 << 20;

/// Two plugins that keep 60 MiB for each group of accounts. The first ends at what a plugin may have, the second at what is
/// left of all plugins' memory; whoever has an instance is served on, and what goes makes room.
pub(super) async fn row_3_instances_together_end_at_their_totals(
    matrix: &mut Matrix,
) -> Result<Value> {
    let (one, two) = ("memory-held-one", "memory-held-two");
    matrix.install(one).await?;
    matrix.install(two).await?;
    let names: Vec<String> = (0..ACCOUNTS).map(|n| format!("capulet{n}")).collect();
    let mut clients = Vec::new();
    for some in names.chunks(4) {
        let sessions = try_join_all(some.iter().map(|name| matrix.server.session(name)));
        clients.extend(sessions.await?.into_iter().map(|(client, _)| client));
    }
    let by_one = served(&mut clients, one).await?;
    let figures = matrix.stats(one).await?;
    let count = |figure: &Value| figure.as_u64().unwrap_or_default();
    ensure!(count(&figures["memory_bytes"]) == 4 * INSTANCE, "{figures}");
    let refused = by_one.iter().filter(|served| !**served).count() as u64;
    ensure!(refused > 0 && refused < ACCOUNTS as u64, "{by_one:?}");
    ensure!(
        count(&figures["faults_by_kind"]["plugin-memory"]) == refused,
        "{figures}"
    );
    ensure!(count(&figures["memory_refused"]) == refused, "{figures}");
    ensure!(count(&figures["quarantines"]) == 0, "{figures}");

    let by_two = served(&mut clients, two).await?;
    let figures = matrix.stats(two).await?;
    let held = count(&figures["memory_bytes"]);
    ensure!(held > 0 && held < 4 * INSTANCE, "{figures}");
    ensure!(
        count(&figures["faults_by_kind"]["total-memory"]) > 0,
        "{figures}"
    );
    ensure!(count(&figures["quarantines"]) == 0, "{figures}");
    // The same accounts have what they had.
    ensure!(served(&mut clients, one).await? == by_one, "as before");
    let log = matrix.server.log();
    for key in ["`plugin_memory_mib`", "`memory_mib`"] {
        ensure!(log.contains(key), "{key} is not in the log");
    }

    matrix.remove(one).await?;
    let after = served(&mut clients, two).await?;
    let more = after.iter().filter(|served| **served).count();
    let before = by_two.iter().filter(|served| **served).count();
    ensure!(more > before, "{before} accounts served, then {more}");
    matrix.remove(two).await?;
    for client in clients {
        client.close().await?;
    }
    Ok(
        json!({ "accounts": ACCOUNTS, "refused by the first": refused, "served by the second": before, "and when the first was gone": more }),
    )
}

/// Which of the clients a plugin serves; the others are told to try again later.
async fn served(clients: &mut [Client], name: &str) -> Result<Vec<bool>> {
    let query = format!("<query xmlns='urn:example:{name}'/>");
    let mut served = Vec::new();
    for client in clients {
        let answer = client.iq("get", "localhost", &query).await?;
        let is_served = answer.attr("type") == Some("result");
        if !is_served {
            refused(&answer)?;
        }
        served.push(is_served);
    }
    Ok(served)
}
