;; Row 22: calls a function of the host that panics, which only the tests' host has.
;;! exports iq-handler
;;! manifest {"subscriptions": [{"iq": {"payload": {"namespace": "urn:example:%name", "local": "query"}, "types": ["get"], "recipients": ["own-server"]}}]}
;;! wit import test-host: interface { panics: func(); }
(module
  (import "test-host" "panics" (func $panics))
  (func (export "waxwing:plugin/iq-handler@0.2.0#handle") (param i32 i64) (result i32)
    (call $drop-stanza (local.get 0))
    (call $panics)
    (i32.const 4096)))
