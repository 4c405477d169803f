;; Row 11: handles that are never given back: of the host's resources, of its own, and a few in every call.
;;! exports iq-handler
;;! manifest {"subscriptions": [{"iq": {"payload": {"namespace": "urn:example:%name", "local": "query"}, "types": ["get"], "recipients": ["own-server"]}}]}
;;! wit export probe: interface { resource thing; }
(module
  (import "waxwing:plugin/stanzas@0.2.0" "[static]element.parse" (func $parse (param i32 i32 i32)))
  (import "[export]probe" "[resource-new]thing" (func $new (param i32) (result i32)))
  %variant
  (memory (export "memory") 4)
  (data (i32.const 1024) "<a xmlns='x'/>")
  (func $leak (call $parse (i32.const 1024) (i32.const 14) (i32.const 2048))))
;;! variant host
  (func (export "waxwing:plugin/iq-handler@0.2.0#handle") (param i32 i64) (result i32)
    (call $drop-stanza (local.get 0))
    (loop $for-ever (call $leak) (br $for-ever))
    unreachable)
;;! variant own
  (func (export "waxwing:plugin/iq-handler@0.2.0#handle") (param i32 i64) (result i32)
    (call $drop-stanza (local.get 0))
    (loop $for-ever (drop (call $new (i32.const 1))) (br $for-ever))
    unreachable)
;;! variant slow
  (func (export "waxwing:plugin/iq-handler@0.2.0#handle") (param i32 i64) (result i32)
    (local $left i32)
    (call $drop-stanza (local.get 0))
    (local.set $left (i32.const 100))
    (loop $more
      (call $leak)
      (br_if $more (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
    (i32.store8 (i32.const 3072) (i32.const 0))
    (i32.const 3072))
;;! variant kept
  ;; Keeps one handle, and uses it in the next call, when it is the host's no more.
  (import "waxwing:plugin/stanzas@0.2.0" "[method]element.text" (func $text (param i32 i32)))
  (global $kept (mut i32) (i32.const 0))
  (func (export "waxwing:plugin/iq-handler@0.2.0#handle") (param i32 i64) (result i32)
    (call $drop-stanza (local.get 0))
    (if (global.get $kept) (then (call $text (global.get $kept) (i32.const 2048))))
    (call $leak)
    (global.set $kept (i32.load (i32.const 2052)))
    (i32.store8 (i32.const 3072) (i32.const 0))
    (i32.const 3072))
