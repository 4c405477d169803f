;; Row 3: behaves, and has instances that are kept, one for each group of accounts, each with 60 MiB to begin with.
;;! exports iq-handler
;;! manifest {"placement": "keyed", "subscriptions": [{"iq": {"payload": {"namespace": "urn:example:%name", "local": "query"}, "types": ["get"], "recipients": ["own-server"]}}]}
(module
  %variant)
;;! variant one
  (memory (export "memory") 960)
;;! variant two
  (memory (export "memory") 960)
