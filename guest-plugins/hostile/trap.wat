;; Row 6: a trap in each export, in the start function, in the allocator, after the return, and in a destructor.
;;! exports inbound iq-handler pre-auth
;;! manifest {"subscriptions": [{"iq": {"payload": {"namespace": "urn:example:%name", "local": "query"}, "types": ["get"], "recipients": ["own-server"]}}, {"inbound": {"kinds": ["message"], "payload": {"namespace": "urn:example:%name", "local": "x"}, "recipients": ["own-server", "own-account", "other-account", "full", "remote"]}}, {"pre-auth": {"namespace": "urn:example:%name", "local": "query"}}]}
;;! wit export probe: interface { resource thing; }
(module
  %variant)
;;! variant describe
  (func (export "waxwing:plugin/lifecycle@0.2.0#describe") (result i32) unreachable)
;;! variant init
  (func (export "waxwing:plugin/lifecycle@0.2.0#init") (param i32 i32) (result i32) unreachable)
;;! variant start
  (func $trap unreachable)
  (start $trap)
;;! variant filter
  (func (export "waxwing:plugin/inbound@0.2.0#filter") (param i32) (result i32) unreachable)
;;! variant handle
  (func (export "waxwing:plugin/iq-handler@0.2.0#handle") (param i32 i64) (result i32) unreachable)
;;! variant after-return
  (func (export "cabi_post_waxwing:plugin/iq-handler@0.2.0#handle") (param i32) unreachable)
;;! variant allocator
  (import "waxwing:plugin/stanzas@0.2.0" "[method]stanza.to-xml" (func $to-xml (param i32 i32)))
  (global $begun (mut i32) (i32.const 0))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (if (global.get $begun) (then unreachable))
    (i32.const 65536))
  (func (export "waxwing:plugin/iq-handler@0.2.0#handle") (param i32 i64) (result i32)
    (global.set $begun (i32.const 1))
    (call $to-xml (local.get 0) (i32.const 1024))
    unreachable)
;;! variant destructor
  (import "[export]probe" "[resource-new]thing" (func $new (param i32) (result i32)))
  (import "[export]probe" "[resource-drop]thing" (func $drop (param i32)))
  (func (export "probe#[dtor]thing") (param i32) unreachable)
  (func (export "waxwing:plugin/iq-handler@0.2.0#handle") (param i32 i64) (result i32)
    (call $drop-stanza (local.get 0))
    (call $drop (call $new (i32.const 1)))
    (i32.const 4096))
;;! variant pre-auth
  (func (export "waxwing:plugin/pre-auth@0.2.0#features")
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32) unreachable)
