;; Row 21: one leaves a pattern in all memory and tables that it can have, another looks for anything in all that it is given.
;;! exports iq-handler
;;! manifest {"subscriptions": [{"iq": {"payload": {"namespace": "urn:example:%name", "local": "query"}, "types": ["get"], "recipients": ["own-server"]}}]}
(module
  %variant)
;;! variant leaves
  (memory (export "memory") 2)
  (table $table 1 funcref)
  (elem declare func $secret)
  (func $secret)
  (func (export "waxwing:plugin/iq-handler@0.2.0#handle") (param i32 i64) (result i32)
    (call $drop-stanza (local.get 0))
    (drop (memory.grow (i32.const 30)))
    (memory.fill (i32.const 65536) (i32.const 0xa5) (i32.const 2031616))
    (drop (table.grow $table (ref.func $secret) (i32.const 1000)))
    (i32.store8 (i32.const 1024) (i32.const 0))
    (i32.const 1024))
;;! variant looks
  (memory (export "memory") 2)
  (table $table 1 funcref)
  (func (export "waxwing:plugin/iq-handler@0.2.0#handle") (param i32 i64) (result i32)
    (local $at i32)
    (call $drop-stanza (local.get 0))
    (drop (memory.grow (i32.const 30)))
    (local.set $at (i32.const 65536))
    (loop $next
      (if (i64.ne (i64.load (local.get $at)) (i64.const 0)) (then unreachable))
      (br_if $next (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 8))) (i32.const 2097152))))
    (drop (table.grow $table (ref.null func) (i32.const 1000)))
    (local.set $at (i32.const 0))
    (loop $next
      (if (i32.eqz (ref.is_null (table.get $table (local.get $at)))) (then unreachable))
      (br_if $next (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 1))) (i32.const 1000))))
    (i32.store8 (i32.const 1024) (i32.const 0))
    (i32.const 1024))
