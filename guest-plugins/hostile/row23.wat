;; Row 23: waits for the host in every call.
;;! exports iq-handler
;;! manifest {"asks": ["accounts"], "subscriptions": [{"iq": {"payload": {"namespace": "urn:example:%name", "local": "query"}, "types": ["get"], "recipients": ["server"]}}]}
(module
  (import "waxwing:plugin/accounts@0.1.0" "exists" (func $exists (param i32 i32 i32 i32 i32)))
  (memory (export "memory") 2)
  (data (i32.const 1024) "localhost")
  (data (i32.const 1040) "juliet")
  (func (export "waxwing:plugin/iq-handler@0.1.0#handle") (param i32) (result i32)
    (call $exists (i32.const 1024) (i32.const 9) (i32.const 1040) (i32.const 6) (i32.const 2048))
    (i32.store8 (i32.const 3072) (i32.const 0))
    (i32.const 3072)))
