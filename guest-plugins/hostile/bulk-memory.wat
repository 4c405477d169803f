;; Row 4: instructions on whole memories and tables, which nothing can interrupt while one is under way.
;;! exports iq-handler inbound
;;! manifest {"subscriptions": [{"iq": {"payload": {"namespace": "urn:example:%name", "local": "query"}, "types": ["get"], "recipients": ["own-server"]}}, {"inbound": {"kinds": ["message"], "payload": {"namespace": "urn:example:%name", "local": "x"}, "recipients": ["own-server", "own-account", "other-account", "full", "remote"]}}]}
(module
  ;; 63 MiB, and a table in what is left of the store's 64 MiB.
  (memory (export "memory") 1008)
  (table $table 16384 funcref)
  %variant)
;;! variant fill
  (func (export "waxwing:plugin/inbound@0.2.0#filter") (param i32) (result i32)
    (call $drop-stanza (local.get 0))
    (loop $for-ever
      (memory.fill (i32.const 65536) (i32.const 1) (i32.const 65994752))
      (br $for-ever))
    unreachable)
;;! variant copy
  (func (export "waxwing:plugin/inbound@0.2.0#filter") (param i32) (result i32)
    (call $drop-stanza (local.get 0))
    (loop $for-ever
      (memory.copy (i32.const 65536) (i32.const 131072) (i32.const 65929216))
      (br $for-ever))
    unreachable)
;;! variant table
  (func (export "waxwing:plugin/inbound@0.2.0#filter") (param i32) (result i32)
    (call $drop-stanza (local.get 0))
    (loop $for-ever
      (table.fill $table (i32.const 0) (ref.null func) (i32.const 16384))
      (table.copy $table $table (i32.const 0) (i32.const 1) (i32.const 16383))
      (br $for-ever))
    unreachable)
