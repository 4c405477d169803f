//! The rows, in the order in which they run.

mod answers;
mod compiling;
mod effects;
mod loading;
mod memory;
mod resources;
mod storm;
mod time;

use anyhow::Result;
use serde_json::Value;

use crate::matrix::{Matrix, Row};

macro_rules! rows {
    ($($module:ident::$row:ident,)*) => {
        /// All rows.
        pub(crate) const ALL: &[Row] = &[$(Row {
            name: stringify!($row),
            run: |matrix| Box::pin($module::$row(matrix)),
        },)*];
    };
}

rows! {
    time::row_1_loops_are_ended,
    time::row_2_four_loops_at_once_leave_everybody_else_alone,
    resources::row_3_memory_ends_at_its_limit,
    memory::row_3_instances_together_end_at_their_totals,
    time::row_4_instructions_over_whole_memories_are_survived,
    time::row_5_recursion_without_end_traps,
    answers::row_6_traps_cost_only_their_call,
    resources::row_7_floods_of_calls_are_stopped,
    answers::row_8_long_answers_are_refused,
    resources::row_9_the_log_stays_a_log,
    effects::row_10_storage_ends_at_its_quota,
    resources::row_11_handles_come_to_an_end,
    effects::row_12_nothing_that_a_call_causes_enters_it_again,
    effects::row_13_requests_that_nobody_answers_hold_up_nobody_else,
    answers::row_14_answers_that_are_no_values_are_faults,
    answers::row_15_what_is_no_good_xml_or_not_ones_own_reaches_no_wire,
    effects::row_16_what_only_the_server_says_is_refused,
    loading::row_17_versions_alternate_under_load,
    loading::row_18_files_that_are_no_plugins_leave_the_old_version_at_work,
    compiling::row_19_compile_bombs_are_ended_at_their_limits,
    storm::row_20_a_storm_of_faults_is_quarantined_and_ends,
    time::row_24_instances_come_and_go_by_the_thousand,
    answers::rows_1_3_6_14_in_javascript,
    answers::rows_1_3_6_13_14_21_in_python,
}

/// Installs guests, has each fail so many times, and removes them. The fixtures' names begin with their row.
async fn each_fails(
    matrix: &mut Matrix,
    times: u64,
    handlers: &[&str],
    hooks: &[&str],
) -> Result<Value> {
    let mut faults = 0;
    for name in handlers.iter().chain(hooks) {
        matrix.install(name).await?;
        for _ in 0..times {
            if handlers.contains(name) {
                matrix.ask_in_vain(name, "").await?;
            } else {
                matrix.write_in_vain(name).await?;
            }
        }
        faults += matrix.faults(name).await?;
        matrix.remove(name).await?;
    }
    Ok(serde_json::json!({ "faults": faults }))
}
