;; Row 3: as much memory as there is: one memory, two, a table, and a memory that begins with 3.9 GB. Each touches what it
;; gets, answers an empty result if it got more than a store may have, and traps where it was refused.
;;! exports iq-handler
;;! manifest {"subscriptions": [{"iq": {"payload": {"namespace": "urn:example:%name", "local": "query"}, "types": ["get"], "recipients": ["own-server"]}}]}
(module
  %variant)
;;! variant one-memory
  (memory (export "memory") 2)
  (func (export "waxwing:plugin/iq-handler@0.2.0#handle") (param i32 i64) (result i32)
    (local $at i32)
    (call $drop-stanza (local.get 0))
    (loop $more
      (local.set $at (memory.grow (i32.const 16)))
      (if (i32.eq (local.get $at) (i32.const -1)) (then unreachable))
      (memory.fill (i32.mul (local.get $at) (i32.const 65536)) (i32.const 1) (i32.const 1048576))
      (br_if $more (i32.lt_u (memory.size) (i32.const 1100))))
    (i32.const 0))
;;! variant two-memories
  (memory (export "memory") 2)
  (memory $other 2)
  (func (export "waxwing:plugin/iq-handler@0.2.0#handle") (param i32 i64) (result i32)
    (call $drop-stanza (local.get 0))
    (loop $more
      (if (i32.eq (memory.grow (i32.const 16)) (i32.const -1)) (then unreachable))
      (if (i32.eq (memory.grow $other (i32.const 16)) (i32.const -1)) (then unreachable))
      (br_if $more (i32.lt_u (memory.size) (i32.const 600))))
    (i32.const 0))
;;! variant table
  (table $hoard 1 funcref)
  (func (export "waxwing:plugin/iq-handler@0.2.0#handle") (param i32 i64) (result i32)
    (call $drop-stanza (local.get 0))
    (loop $more
      (if (i32.eq (table.grow $hoard (ref.null func) (i32.const 4096)) (i32.const -1)) (then unreachable))
      (br_if $more (i32.lt_u (table.size $hoard) (i32.const 9000000))))
    (i32.const 0))
;;! variant minimum
  (memory (export "memory") 62400)
;;! variant two-at-once
  ;; Each alone would be allowed, both together are too much.
  (memory (export "memory") 640)
  (memory 640)
;;! variant large
  ;; Behaves, and each instance takes 60 MiB to begin with.
  (memory (export "memory") 960)
