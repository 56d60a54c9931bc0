;; A component of the world maillage:edge/app@1.0.0, written by hand: what it does is told by the first letters of the path.
(component
  (import "maillage:edge/types@1.0.0" (instance $types
    (type $header0 (record (field "name" string) (field "value" string)))
    (export "header" (type $header (eq $header0)))
    (type $headers (list $header))
    (type $bytes (list u8))
    (type $request0 (record (field "method" string) (field "path" string) (field "query" string)
      (field "headers" $headers) (field "body" $bytes)))
    (export "request" (type (eq $request0)))
    (type $response0 (record (field "status" u16) (field "headers" $headers) (field "body" $bytes)))
    (export "response" (type (eq $response0)))))
  (alias export $types "header" (type $header))
  (alias export $types "request" (type $request))
  (alias export $types "response" (type $response))
  (import "maillage:edge/kv@1.0.0" (instance $kv
    (type $error0 (enum "full" "bad-key"))
    (export "error" (type $error (eq $error0)))
    (type $bytes (list u8))
    (type $found (option $bytes))
    (type $done (result (error $error)))
    (export "get" (func (param "key" string) (result $found)))
    (export "set" (func (param "key" string) (param "value" $bytes) (result $done)))
    (export "delete" (func (param "key" string)))))
  (import "maillage:edge/log@1.0.0" (instance $log
    (type $level0 (enum "debug" "info" "warning" "error"))
    (export "level" (type $level (eq $level0)))
    (export "write" (func (param "level" $level) (param "text" string)))))
  (import "maillage:edge/clock@1.0.0" (instance $clock
    (export "wall-ms" (func (result u64)))
    (export "monotonic-ns" (func (result u64)))))
  (import "maillage:edge/http@1.0.0" (instance $http
    (alias outer 1 $header (type $outer-header))
    (export "header" (type $header (eq $outer-header)))
    (alias outer 1 $response (type $outer-response))
    (export "response" (type $response (eq $outer-response)))
    (type $headers (list $header))
    (type $bytes (list u8))
    (type $outgoing0 (record (field "method" string) (field "url" string) (field "headers" $headers)
      (field "body" $bytes)))
    (export "outgoing" (type $outgoing (eq $outgoing0)))
    (type $error0 (variant (case "refused" string) (case "failed" string)))
    (export "error" (type $error (eq $error0)))
    (type $answered (result $response (error $error)))
    (export "send" (func (param "request" $outgoing) (result $answered)))))
  (import "maillage:edge/config@1.0.0" (instance $config
    (type $found (option string))
    (export "get" (func (param "name" string) (result $found)))))

  (core module $libc
    (memory (export "memory") 2)
    (global $top (mut i32) (i32.const 8192))
    (func (export "realloc") (param $old i32) (param $old-size i32) (param $align i32) (param $size i32) (result i32)
      (local $at i32) (local $pages i32)
      (local.set $at (i32.and (i32.add (global.get $top) (i32.const 7)) (i32.const -8)))
      (global.set $top (i32.add (local.get $at) (local.get $size)))
      (local.set $pages (i32.shr_u (i32.add (global.get $top) (i32.const 65535)) (i32.const 16)))
      (if (i32.gt_u (local.get $pages) (memory.size))
        (then (if (i32.eq (memory.grow (i32.sub (local.get $pages) (memory.size))) (i32.const -1)) (then unreachable))))
      (if (local.get $old-size) (then (memory.copy (local.get $at) (local.get $old) (local.get $old-size))))
      (local.get $at)))

  (core module $main
    (import "libc" "memory" (memory 1))
    (import "libc" "realloc" (func $alloc (param i32 i32 i32 i32) (result i32)))
    (import "kv" "get" (func $kv-get (param i32 i32 i32)))
    (import "kv" "set" (func $kv-set (param i32 i32 i32 i32 i32)))
    (import "kv" "delete" (func $kv-delete (param i32 i32)))
    (import "log" "write" (func $log (param i32 i32 i32)))
    (import "clock" "wall-ms" (func $wall-ms (result i64)))
    (import "clock" "monotonic-ns" (func $monotonic-ns (result i64)))
    (import "http" "send" (func $send (param i32 i32 i32 i32 i32 i32 i32 i32 i32)))
    (import "config" "get" (func $config (param i32 i32 i32)))
    (data (i32.const 16) "GET")
    (data (i32.const 32) "x-method")
    (data (i32.const 48) "x-path")
    (data (i32.const 64) "x-query")
    (data (i32.const 80) "bad\r\nname")
    (data (i32.const 96) "a\r\nset-cookie: b")
    (data (i32.const 128) "k")
    (data (i32.const 136) "full")
    (data (i32.const 144) "absent")
    (data (i32.const 160) "greeting")
    (data (i32.const 176) "seen")
    ;; the response at 1024: status, headers, count of headers, body, size of the body; its headers from 1088 on
    (func $header (param $nth i32) (param $name i32) (param $name-size i32) (param $value i32) (param $value-size i32)
      (local $at i32)
      (local.set $at (i32.add (i32.const 1088) (i32.mul (local.get $nth) (i32.const 16))))
      (i32.store (local.get $at) (local.get $name))
      (i32.store offset=4 (local.get $at) (local.get $name-size))
      (i32.store offset=8 (local.get $at) (local.get $value))
      (i32.store offset=12 (local.get $at) (local.get $value-size))
      (i32.store (i32.const 1032) (i32.add (local.get $nth) (i32.const 1))))
    (func $answer (param $status i32) (param $body i32) (param $size i32) (result i32)
      (i32.store16 (i32.const 1024) (local.get $status))
      (i32.store (i32.const 1028) (i32.const 1088))
      (i32.store (i32.const 1036) (local.get $body))
      (i32.store (i32.const 1040) (local.get $size))
      (i32.const 1024))
    (func (export "handle") (param $method i32) (param $method-size i32) (param $path i32) (param $path-size i32)
      (param $query i32) (param $query-size i32) (param $headers i32) (param $headers-size i32)
      (param $body i32) (param $body-size i32) (result i32)
      (local $does i32) (local $from i32)
      (i32.store (i32.const 1032) (i32.const 0))
      (local.set $does (i32.load8_u offset=1 (local.get $path)))
      ;; /echo: what came
      (if (i32.eq (local.get $does) (i32.const 101)) (then
        (call $header (i32.const 0) (i32.const 32) (i32.const 8) (local.get $method) (local.get $method-size))
        (call $header (i32.const 1) (i32.const 48) (i32.const 6) (local.get $path) (local.get $path-size))
        (call $header (i32.const 2) (i32.const 64) (i32.const 7) (local.get $query) (local.get $query-size))
        (return (call $answer (i32.const 200) (local.get $body) (local.get $body-size)))))
      ;; /loop
      (if (i32.eq (local.get $does) (i32.const 108)) (then (loop $on (br $on))))
      ;; /trap
      (if (i32.eq (local.get $does) (i32.const 116)) (then unreachable))
      ;; /memory: all that there is
      (if (i32.eq (local.get $does) (i32.const 109)) (then
        (loop $more (br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))
        (unreachable)))
      ;; /big: a body as large as its query is times 64 KiB, never filled
      (if (i32.eq (local.get $does) (i32.const 98)) (then
        (local.set $from (i32.mul (memory.size) (i32.const 65536)))
        (if (i32.eq (memory.grow (local.get $query-size)) (i32.const -1)) (then unreachable))
        (return (call $answer (i32.const 200) (local.get $from) (i32.mul (local.get $query-size) (i32.const 65536))))))
      ;; /status: the body's first two bytes, little end first
      (if (i32.eq (local.get $does) (i32.const 115)) (then
        (return (call $answer (i32.load16_u (local.get $body)) (i32.const 0) (i32.const 0)))))
      ;; /name and /value: headers that can't be
      (if (i32.eq (local.get $does) (i32.const 110)) (then
        (call $header (i32.const 0) (i32.const 80) (i32.const 9) (i32.const 48) (i32.const 6))
        (return (call $answer (i32.const 200) (i32.const 0) (i32.const 0)))))
      (if (i32.eq (local.get $does) (i32.const 118)) (then
        (call $header (i32.const 0) (i32.const 48) (i32.const 6) (i32.const 96) (i32.const 16))
        (return (call $answer (i32.const 200) (i32.const 0) (i32.const 0)))))
      ;; /keep: the body under the query; 200, or 507 "full", or 400 where the key can't be
      (if (i32.eq (local.get $does) (i32.const 107)) (then
        (call $kv-set (local.get $query) (local.get $query-size) (local.get $body) (local.get $body-size) (i32.const 512))
        (if (i32.eqz (i32.load8_u (i32.const 512))) (then
          (return (call $answer (i32.const 200) (i32.const 0) (i32.const 0)))))
        (if (i32.load8_u (i32.const 513)) (then
          (return (call $answer (i32.const 400) (i32.const 0) (i32.const 0)))))
        (return (call $answer (i32.const 507) (i32.const 136) (i32.const 4)))))
      ;; /read: what is kept under the query, or 404
      (if (i32.eq (local.get $does) (i32.const 114)) (then
        (call $kv-get (local.get $query) (local.get $query-size) (i32.const 512))
        (if (i32.load8_u (i32.const 512)) (then
          (return (call $answer (i32.const 200) (i32.load (i32.const 516)) (i32.load (i32.const 520))))))
        (return (call $answer (i32.const 404) (i32.const 144) (i32.const 6)))))
      ;; /drop
      (if (i32.eq (local.get $does) (i32.const 100)) (then
        (call $kv-delete (local.get $query) (local.get $query-size))
        (return (call $answer (i32.const 204) (i32.const 0) (i32.const 0)))))
      ;; /write: the body as a line of the log, at the level warning
      (if (i32.eq (local.get $does) (i32.const 119)) (then
        (call $log (i32.const 2) (local.get $body) (local.get $body-size))
        (return (call $answer (i32.const 204) (i32.const 0) (i32.const 0)))))
      ;; /flood: lines of the log without end
      (if (i32.eq (local.get $does) (i32.const 102)) (then
        (loop $on (call $log (i32.const 1) (i32.const 32) (i32.const 8)) (br $on))))
      ;; /clock: both clocks, eight bytes each
      (if (i32.eq (local.get $does) (i32.const 99)) (then
        (i64.store (i32.const 512) (call $wall-ms))
        (i64.store (i32.const 520) (call $monotonic-ns))
        (return (call $answer (i32.const 200) (i32.const 512) (i32.const 16)))))
      ;; /get: config by the query's name, or 404
      (if (i32.eq (local.get $does) (i32.const 103)) (then
        (call $config (local.get $query) (local.get $query-size) (i32.const 512))
        (if (i32.load8_u (i32.const 512)) (then
          (return (call $answer (i32.const 200) (i32.load (i32.const 516)) (i32.load (i32.const 520))))))
        (return (call $answer (i32.const 404) (i32.const 144) (i32.const 6)))))
      ;; /out: GET what the body says, with the headers that came; its answer, or 403 refused, or 502 failed
      (if (i32.eq (local.get $does) (i32.const 111)) (then
        (call $send (i32.const 16) (i32.const 3) (local.get $body) (local.get $body-size)
          (local.get $headers) (local.get $headers-size) (i32.const 0) (i32.const 0) (i32.const 512))
        (if (i32.eqz (i32.load8_u (i32.const 512))) (then
          (return (call $answer (i32.load16_u (i32.const 516)) (i32.load (i32.const 528)) (i32.load (i32.const 532))))))
        (return (call $answer (select (i32.const 502) (i32.const 403) (i32.load8_u (i32.const 516)))
          (i32.load (i32.const 520)) (i32.load (i32.const 524))))))
      (call $answer (i32.const 404) (i32.const 144) (i32.const 6))))

  (core instance $libc (instantiate $libc))
  (core func $kv-get (canon lower (func $kv "get") (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
  (core func $kv-set (canon lower (func $kv "set") (memory (core memory $libc "memory"))))
  (core func $kv-delete (canon lower (func $kv "delete") (memory (core memory $libc "memory"))))
  (core func $log-write (canon lower (func $log "write") (memory (core memory $libc "memory"))))
  (core func $wall-ms (canon lower (func $clock "wall-ms")))
  (core func $monotonic-ns (canon lower (func $clock "monotonic-ns")))
  (core func $send (canon lower (func $http "send") (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
  (core func $config-get (canon lower (func $config "get") (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
  (core instance $main (instantiate $main
    (with "libc" (instance $libc))
    (with "kv" (instance (export "get" (func $kv-get)) (export "set" (func $kv-set)) (export "delete" (func $kv-delete))))
    (with "log" (instance (export "write" (func $log-write))))
    (with "clock" (instance (export "wall-ms" (func $wall-ms)) (export "monotonic-ns" (func $monotonic-ns))))
    (with "http" (instance (export "send" (func $send))))
    (with "config" (instance (export "get" (func $config-get))))))
  (type $handle (func (param "req" $request) (result $response)))
  (func (export "handle") (type $handle)
    (canon lift (core func $main "handle") (memory (core memory $libc "memory")) (realloc (core func $libc "realloc")))))
