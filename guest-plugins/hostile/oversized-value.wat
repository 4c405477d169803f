;; Row 8: answers that are too long, and arguments that are: 50 MB of text, a list of a million texts, a length past the end.
;;! exports iq-handler inbound pre-auth
;;! manifest {"subscriptions": [{"iq": {"payload": {"namespace": "urn:example:%name", "local": "query"}, "types": ["get"], "recipients": ["own-server"]}}]}
(module
  %variant
  ;; 52 MB of zeroes, which are valid text.
  (memory (export "memory") 800))
;;! variant text
  ;; answer(some(text)): the cases' numbers at 1024 and 1028, the text's address and length at 1032 and 1036.
  (func (export "waxwing:plugin/iq-handler@0.2.0#handle") (param i32 i64) (result i32)
    (call $drop-stanza (local.get 0))
    (i32.store8 (i32.const 1028) (i32.const 1))
    (i32.store (i32.const 1032) (i32.const 65536))
    (i32.store (i32.const 1036) (i32.const 52000000))
    (i32.const 1024))
;;! variant past-the-end
  (func (export "waxwing:plugin/iq-handler@0.2.0#handle") (param i32 i64) (result i32)
    (call $drop-stanza (local.get 0))
    (i32.store8 (i32.const 1028) (i32.const 1))
    (i32.store (i32.const 1032) (i32.const 65536))
    (i32.store (i32.const 1036) (i32.const 0xffffffff))
    (i32.const 1024))
;;! variant list
  ;; The only list in an answer is that of `features`.
  (func (export "waxwing:plugin/pre-auth@0.2.0#features")
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    (i32.store (i32.const 1024) (i32.const 65536))
    (i32.store (i32.const 1028) (i32.const 1000000))
    (i32.const 1024))
;;! variant argument
  (import "waxwing:plugin/log@0.2.0" "write" (func $log (param i32 i32 i32)))
  (func (export "waxwing:plugin/iq-handler@0.2.0#handle") (param i32 i64) (result i32)
    (call $drop-stanza (local.get 0))
    (call $log (i32.const 2) (i32.const 65536) (i32.const 52000000))
    unreachable)
