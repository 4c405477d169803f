//! `waxwing plugin trace`: a line for each call that a plugin serves, as it happens.

use serde_json::Value;

use super::{listing::printable, stats::seconds};

/// A call as one line for people. All of it comes from outside.
pub(super) fn line(call: &Value) -> String {
    if let Some(missed) = call.pointer("/missed") {
        return format!("… {missed} calls not shown: there were more than could be told");
    }
    let mut parts = vec![time(call), text(call, "/export")];
    if let Some(stanza) = call.pointer("/stanza") {
        parts.push(self::stanza(stanza));
    }
    parts.push("→".to_owned());
    match call.pointer("/fault").and_then(Value::as_str) {
        Some(fault) => parts.push(format!("FAULT: {}", clean(fault))),
        None => parts.push(text(call, "/outcome")),
    }
    let effects = list(call, "/effects");
    if !effects.is_empty() {
        parts.push(format!("({effects})"));
    }
    let span = |figure| seconds(call.pointer(figure).and_then(Value::as_f64).unwrap_or(0.0) / 1e6);
    parts.push(format!("cpu {}", span("/cpu_us")));
    if call.pointer("/waited_us").and_then(Value::as_f64) > Some(0.0) {
        parts.push(format!("waited {}", span("/waited_us")));
    }
    parts.push(format!("wall {}", span("/wall_us")));
    if let Some(xml) = call.pointer("/stanza/xml").and_then(Value::as_str) {
        parts.push(clean(xml));
    }
    parts.join(" ")
}

fn stanza(stanza: &Value) -> String {
    let mut parts = vec![text(stanza, "/kind"), text(stanza, "/type")];
    if let Some(id) = stanza.pointer("/id").and_then(Value::as_str) {
        parts.push(format!("id={}", clean(id)));
    }
    for (what, figure) in [("from", "/from"), ("to", "/to")] {
        if let Some(address) = stanza.pointer(figure).and_then(Value::as_str) {
            parts.push(format!("{what} {}", clean(address)));
        }
    }
    parts.push(format!("[{}]", list(stanza, "/payloads")));
    parts.join(" ")
}

/// The time of day in UTC.
fn time(call: &Value) -> String {
    let at = call.pointer("/at").and_then(Value::as_u64).unwrap_or(0) % 86_400_000;
    let (seconds, millis) = (at / 1_000, at % 1_000);
    let (minutes, second) = (seconds / 60, seconds % 60);
    let (hour, minute) = (minutes / 60, minutes % 60);
    format!("{hour:02}:{minute:02}:{second:02}.{millis:03}")
}

fn list(value: &Value, figure: &str) -> String {
    let parts = value.pointer(figure).and_then(Value::as_array);
    let parts = parts.into_iter().flatten().filter_map(Value::as_str);
    parts.map(clean).collect::<Vec<_>>().join(", ")
}

fn text(value: &Value, figure: &str) -> String {
    clean(value.pointer(figure).and_then(Value::as_str).unwrap_or("-"))
}

fn clean(text: &str) -> String {
    text.chars().map(printable).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::line;

    #[test]
    fn a_call_is_one_line() {
        let call = json!({
            "at": 86_400_000_u64 * 20_000 + 3_723_004, "version": "0.1.0", "export": "inbound",
            "stanza": {
                "kind": "message", "type": "chat", "from": "romeo@localhost/o", "to": "juliet@localhost",
                "id": "m\n1", "payloads": ["body", "{urn:example:x}x"],
            },
            "outcome": "bounce policy-violation", "effects": ["memory 2"],
            "cpu_us": 12.3, "waited_us": 0.0, "wall_us": 15.0,
        });
        let wanted = "01:02:03.004 inbound message chat id=m\u{fffd}1 from romeo@localhost/o to juliet@localhost [body, {urn:example:x}x] → bounce policy-violation (memory 2) cpu 12.3 µs wall 15.0 µs";
        assert_eq!(line(&call), wanted);
    }

    #[test]
    fn faults_waits_and_gaps_are_told() {
        let call = json!({ "at": 0, "export": "pre-auth", "fault": "used up its CPU time", "effects": [], "cpu_us": 50_000.0, "waited_us": 2e6, "wall_us": 3e6 });
        let wanted = "00:00:00.000 pre-auth → FAULT: used up its CPU time cpu 50.0 ms waited 2.00 s wall 3.00 s";
        assert_eq!(line(&call), wanted);
        let missed = line(&json!({ "missed": 44 }));
        assert!(missed.contains("44 calls not shown"), "{missed}");
    }
}
