;; Row 9: a flood of log lines, and lines that try to look like others.
;;! exports iq-handler
;;! manifest {"subscriptions": [{"iq": {"payload": {"namespace": "urn:example:%name", "local": "query"}, "types": ["get"], "recipients": ["own-server"]}}]}
(module
  (import "waxwing:plugin/log@0.2.0" "write" (func $log (param i32 i32 i32)))
  (memory (export "memory") 4)
  (data (i32.const 1024) "first\n2026-01-01T00:00:00Z ERROR forged\1b[31m red \e2\80\ae turned\r")
  (func (export "waxwing:plugin/iq-handler@0.2.0#handle") (param i32 i64) (result i32)
    (local $left i32)
    (call $drop-stanza (local.get 0))
    (call $log (i32.const 3) (i32.const 1024) (i32.const 60))
    (memory.fill (i32.const 131072) (i32.const 0x66) (i32.const 1024))
    (local.set $left (i32.const 1000))
    (loop $more
      (call $log (i32.const 2) (i32.const 131072) (i32.const 1024))
      (br_if $more (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
    (i32.store8 (i32.const 2048) (i32.const 0))
    (i32.const 2048)))
