;; Row 5: recursion without end, plain and through the host's functions at every depth.
;;! exports iq-handler
;;! manifest {"subscriptions": [{"iq": {"payload": {"namespace": "urn:example:%name", "local": "query"}, "types": ["get"], "recipients": ["server"]}}]}
(module
  %variant
  (func (export "waxwing:plugin/iq-handler@0.1.0#handle") (param i32) (result i32)
    (drop (call $deeper (i64.const 1)))
    unreachable))
;;! variant plain
  (func $deeper (param i64) (result i64)
    (i64.add (local.get 0) (call $deeper (i64.add (local.get 0) (i64.const 1)))))
;;! variant host
  ;; The element is as deep as one may be: reading it takes of the host's own part of the stack.
  (import "waxwing:plugin/stanzas@0.1.0" "[static]element.parse" (func $parse (param i32 i32 i32)))
  (import "waxwing:plugin/stanzas@0.1.0" "[resource-drop]element" (func $drop (param i32)))
  (data (i32.const 1024) "<a xmlns='x'><b><b><b><b><b><b><b><b><b><b></b></b></b></b></b></b></b></b></b></b></a>")
  (func $deeper (param i64) (result i64)
    (local $a i64) (local $b i64) (local $c i64) (local $d i64) (local $e i64) (local $f i64) (local $g i64) (local $h i64)
    ;; Many values that live across the call make the frame large: the stack ends before the number of host calls does.
    (local.set $a (i64.mul (local.get 0) (i64.const 3)))
    (local.set $b (i64.mul (local.get $a) (i64.const 5)))
    (local.set $c (i64.mul (local.get $b) (i64.const 7)))
    (local.set $d (i64.mul (local.get $c) (i64.const 11)))
    (local.set $e (i64.mul (local.get $d) (i64.const 13)))
    (local.set $f (i64.mul (local.get $e) (i64.const 17)))
    (local.set $g (i64.mul (local.get $f) (i64.const 19)))
    (local.set $h (i64.mul (local.get $g) (i64.const 23)))
    (call $parse (i32.const 1024) (i32.const 87) (i32.const 2048))
    (if (i32.load8_u (i32.const 2048)) (then unreachable))
    (call $drop (i32.load (i32.const 2052)))
    (i64.add (i64.add (i64.add (local.get $a) (local.get $b)) (i64.add (local.get $c) (local.get $d)))
      (i64.add (i64.add (i64.add (local.get $e) (local.get $f)) (i64.add (local.get $g) (local.get $h)))
        (call $deeper (local.get $h)))))
