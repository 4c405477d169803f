;; Row 7: a flood of calls into the host: cheap ones, and ones that make the host work.
;;! exports iq-handler
;;! manifest {"subscriptions": [{"iq": {"payload": {"namespace": "urn:example:%name", "local": "query"}, "types": ["get"], "recipients": ["own-server"]}}]}
(module
  %variant)
;;! variant cheap
  (import "waxwing:plugin/clock@0.2.0" "monotonic" (func $now (result i64)))
  (func (export "waxwing:plugin/iq-handler@0.2.0#handle") (param i32 i64) (result i32)
    (loop $for-ever (drop (call $now)) (br $for-ever))
    unreachable)
;;! variant dear
  ;; Each call makes the host write out the whole request, and copy it to where the last one was.
  (import "waxwing:plugin/stanzas@0.2.0" "[method]stanza.to-xml" (func $to-xml (param i32 i32)))
  (memory (export "memory") 16)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 131072))
  (func (export "waxwing:plugin/iq-handler@0.2.0#handle") (param i32 i64) (result i32)
    (loop $for-ever (call $to-xml (local.get 0) (i32.const 1024)) (br $for-ever))
    unreachable)
