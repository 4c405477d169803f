;; Row 23: waits for the host in every call, by a function that only the tests' host has.
;;! exports iq-handler
;;! manifest {"subscriptions": [{"iq": {"payload": {"namespace": "urn:example:%name", "local": "query"}, "types": ["get"], "recipients": ["own-server"]}}]}
;;! wit import test-host: interface { waits: func(); }
(module
  (import "test-host" "waits" (func $waits))
  (func (export "waxwing:plugin/iq-handler@0.2.0#handle") (param i32 i64) (result i32)
    (call $drop-stanza (local.get 0))
    (call $waits)
    (i32.store8 (i32.const 3072) (i32.const 0))
    (i32.const 3072)))
