;; Row 1: an infinite loop in each export, in the start function, in the allocator that the host calls, and after the return.
;;! exports inbound iq-handler pre-auth
;;! manifest {"subscriptions": [{"iq": {"payload": {"namespace": "urn:example:%name", "local": "query"}, "types": ["get"], "recipients": ["own-server"]}}, {"inbound": {"kinds": ["message"], "payload": {"namespace": "urn:example:%name", "local": "x"}, "recipients": ["own-server", "own-account", "other-account", "full", "remote"]}}, {"pre-auth": {"namespace": "urn:example:%name", "local": "query"}}]}
(module
  %variant
  (func $loop (loop $for-ever (br $for-ever))))
;;! variant describe
  (func (export "waxwing:plugin/lifecycle@0.2.0#describe") (result i32) (call $loop) unreachable)
;;! variant init
  (func (export "waxwing:plugin/lifecycle@0.2.0#init") (param i32 i32) (result i32) (call $loop) unreachable)
;;! variant start
  (start $loop)
;;! variant filter
  (func (export "waxwing:plugin/inbound@0.2.0#filter") (param i32) (result i32) (call $loop) unreachable)
;;! variant handle
  (func (export "waxwing:plugin/iq-handler@0.2.0#handle") (param i32 i64) (result i32) (call $loop) unreachable)
;;! variant after-return
  (func (export "cabi_post_waxwing:plugin/iq-handler@0.2.0#handle") (param i32) (call $loop))
;;! variant allocator
  (import "waxwing:plugin/stanzas@0.2.0" "[method]stanza.to-xml" (func $to-xml (param i32 i32)))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (if (global.get $begun) (then (call $loop)))
    (i32.const 65536))
  (global $begun (mut i32) (i32.const 0))
  (func (export "waxwing:plugin/iq-handler@0.2.0#handle") (param i32 i64) (result i32)
    (global.set $begun (i32.const 1))
    (call $to-xml (local.get 0) (i32.const 1024))
    unreachable)
;;! variant pre-auth
  (func (export "waxwing:plugin/pre-auth@0.2.0#features")
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32) (call $loop) unreachable)
