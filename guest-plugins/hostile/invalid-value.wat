;; Row 14: answers whose bytes are no values of their types.
;;! exports iq-handler inbound
;;! manifest {"subscriptions": [{"iq": {"payload": {"namespace": "urn:example:%name", "local": "query"}, "types": ["get"], "recipients": ["own-server"]}}, {"inbound": {"kinds": ["message"], "payload": {"namespace": "urn:example:%name", "local": "x"}, "recipients": ["own-server", "own-account", "other-account", "full", "remote"]}}]}
(module
  %variant
  (memory (export "memory") 2)
  (data (i32.const 2048) "<a xmlns='\ff\fe'/>")
  (data (i32.const 3072) "<a xmlns='\ed\a0\80'/>")
  ;; answer(some(text)).
  (func $answer (param $at i32) (param $length i32) (result i32)
    (i32.store8 (i32.const 1024) (i32.const 0))
    (i32.store8 (i32.const 1028) (i32.const 1))
    (i32.store (i32.const 1032) (local.get $at))
    (i32.store (i32.const 1036) (local.get $length))
    (i32.const 1024)))
;;! variant utf8
  (func (export "waxwing:plugin/iq-handler@0.2.0#handle") (param i32 i64) (result i32)
    (call $drop-stanza (local.get 0))
    (call $answer (i32.const 2048) (i32.const 15)))
;;! variant surrogate
  (func (export "waxwing:plugin/iq-handler@0.2.0#handle") (param i32 i64) (result i32)
    (call $drop-stanza (local.get 0))
    (call $answer (i32.const 3072) (i32.const 16)))
;;! variant case
  (func (export "waxwing:plugin/inbound@0.2.0#filter") (param i32) (result i32)
    (call $drop-stanza (local.get 0))
    (i32.store8 (i32.const 1024) (i32.const 250))
    (i32.const 1024))
;;! variant option
  (func (export "waxwing:plugin/iq-handler@0.2.0#handle") (param i32 i64) (result i32)
    (call $drop-stanza (local.get 0))
    (drop (call $answer (i32.const 2048) (i32.const 0)))
    (i32.store8 (i32.const 1028) (i32.const 7))
    (i32.const 1024))
;;! variant handle
  ;; replace(draft) with a handle that nobody gave it.
  (func (export "waxwing:plugin/inbound@0.2.0#filter") (param i32) (result i32)
    (call $drop-stanza (local.get 0))
    (i32.store8 (i32.const 1024) (i32.const 1))
    (i32.store (i32.const 1028) (i32.const 12345))
    (i32.const 1024))
;;! variant unaligned
  (func (export "waxwing:plugin/iq-handler@0.2.0#handle") (param i32 i64) (result i32)
    (call $drop-stanza (local.get 0))
    (i32.const 1027))
;;! variant outside
  (func (export "waxwing:plugin/iq-handler@0.2.0#handle") (param i32 i64) (result i32)
    (call $drop-stanza (local.get 0))
    (i32.const 0xfffffff0))
;;! variant borrowed
  ;; Gives back the request, which was only lent, and then drops what it does not have.
  (import "waxwing:plugin/stanzas@0.2.0" "[resource-drop]stanza" (func $drop (param i32)))
  (func (export "waxwing:plugin/iq-handler@0.2.0#handle") (param i32 i64) (result i32)
    (call $drop (local.get 0))
    (call $drop (local.get 0))
    (i32.const 4096))
