;; A WASI command in CGI style, written by hand: what it does is told by the first letter of the path.
(module
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get" (func $environ_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock_time_get (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_get" (func $prestat (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_accept" (func $accept (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 4)
  (data (i32.const 16) "PATH_INFO=")
  (data (i32.const 32) "REQUEST_METHOD=")
  (data (i32.const 48) "QUERY_STRING=")
  (data (i32.const 64) "x-method: ")
  (data (i32.const 80) "x-path: ")
  (data (i32.const 96) "x-query: ")
  (data (i32.const 112) "\n")
  (data (i32.const 128) "content-type: text/plain\n\n")
  (data (i32.const 160) "Status: 404 Not Found\n\nabsent")
  (data (i32.const 192) "bad name: 1\n\n")
  (data (i32.const 208) "x-path: a\01b\n\n")
  (data (i32.const 224) "first ")
  (data (i32.const 232) "second")
  (data (i32.const 240) "no headers at all")
  (data (i32.const 272) "Status: 999 Odd\n\n")
  (data (i32.const 304) "Location: /elsewhere\n\n")
  (data (i32.const 336) "Status: ")
  (global $body-size (mut i32) (i32.const 0))
  (func $write (param $to i32) (param $at i32) (param $size i32)
    (i32.store (i32.const 1024) (local.get $at))
    (i32.store (i32.const 1028) (local.get $size))
    (drop (call $fd_write (local.get $to) (i32.const 1024) (i32.const 1) (i32.const 1032))))
  (func $say (param $at i32) (param $size i32) (call $write (i32.const 1) (local.get $at) (local.get $size)))
  (func $length (param $text i32) (result i32)
    (local $size i32)
    (block $end (loop $on
      (br_if $end (i32.eqz (i32.load8_u (i32.add (local.get $text) (local.get $size)))))
      (local.set $size (i32.add (local.get $size) (i32.const 1)))
      (br $on)))
    (local.get $size))
  ;; where the value of the variable whose name is there begins, 0 for none; the name is followed by its =
  (func $value (param $name i32) (param $size i32) (result i32)
    (local $nth i32) (local $entry i32) (local $same i32)
    (block $none (loop $next
      (br_if $none (i32.ge_u (local.get $nth) (i32.load (i32.const 1040))))
      (local.set $entry (i32.load (i32.add (i32.const 2048) (i32.mul (local.get $nth) (i32.const 4)))))
      (local.set $nth (i32.add (local.get $nth) (i32.const 1)))
      (local.set $same (i32.const 0))
      (loop $compare
        (if (i32.eq (local.get $same) (local.get $size)) (then
          (return (i32.add (local.get $entry) (local.get $size)))))
        (br_if $next (i32.ne (i32.load8_u (i32.add (local.get $entry) (local.get $same)))
          (i32.load8_u (i32.add (local.get $name) (local.get $same)))))
        (local.set $same (i32.add (local.get $same) (i32.const 1)))
        (br $compare))))
    (i32.const 0))
  (func $say-header (param $label i32) (param $label-size i32) (param $value i32)
    (call $say (local.get $label) (local.get $label-size))
    (call $say (local.get $value) (call $length (local.get $value)))
    (call $say (i32.const 112) (i32.const 1)))
  ;; the input, from 262144 on
  (func $read
    (local $room i32)
    (block $end (loop $more
      (local.set $room (i32.sub (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 262144))
        (global.get $body-size)))
      (if (i32.lt_u (local.get $room) (i32.const 65536)) (then
        (if (i32.eq (memory.grow (i32.const 4)) (i32.const -1)) (then unreachable))
        (br $more)))
      (i32.store (i32.const 1024) (i32.add (i32.const 262144) (global.get $body-size)))
      (i32.store (i32.const 1028) (local.get $room))
      (br_if $end (call $fd_read (i32.const 0) (i32.const 1024) (i32.const 1) (i32.const 1032)))
      (br_if $end (i32.eqz (i32.load (i32.const 1032))))
      (global.set $body-size (i32.add (global.get $body-size) (i32.load (i32.const 1032))))
      (br $more))))
  (func $sleep (param $ns i64)
    (i64.store (i32.const 1280) (i64.const 7))
    (i32.store8 (i32.const 1288) (i32.const 0))
    (i32.store (i32.const 1296) (i32.const 1))
    (i64.store (i32.const 1304) (local.get $ns))
    (i64.store (i32.const 1312) (i64.const 0))
    (i32.store16 (i32.const 1320) (i32.const 0))
    (if (call $poll (i32.const 1280) (i32.const 1344) (i32.const 1) (i32.const 1380)) (then unreachable)))
  (func (export "_start")
    (local $path i32) (local $query i32) (local $does i32) (local $at i32)
    (drop (call $environ_sizes_get (i32.const 1040) (i32.const 1044)))
    (drop (call $environ_get (i32.const 2048) (i32.const 16384)))
    (local.set $path (call $value (i32.const 16) (i32.const 10)))
    (local.set $query (call $value (i32.const 48) (i32.const 13)))
    (local.set $does (i32.load8_u offset=1 (local.get $path)))
    ;; /echo: what came
    (if (i32.eq (local.get $does) (i32.const 101)) (then
      (call $say-header (i32.const 64) (i32.const 10) (call $value (i32.const 32) (i32.const 15)))
      (call $say-header (i32.const 80) (i32.const 8) (local.get $path))
      (call $say-header (i32.const 96) (i32.const 9) (local.get $query))
      (call $say (i32.const 112) (i32.const 1))
      (call $read)
      (call $say (i32.const 262144) (global.get $body-size))
      (return)))
    ;; /loop, /trap, /memory
    (if (i32.eq (local.get $does) (i32.const 108)) (then (loop $on (br $on))))
    (if (i32.eq (local.get $does) (i32.const 116)) (then unreachable))
    (if (i32.eq (local.get $does) (i32.const 109)) (then
      (loop $more (br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))
      (unreachable)))
    ;; /big: 64 KiB without end
    (if (i32.eq (local.get $does) (i32.const 98)) (then
      (call $say (i32.const 128) (i32.const 26))
      (loop $on (call $say (i32.const 65536) (i32.const 65536)) (br $on))))
    ;; /status: the body is the status line
    (if (i32.eq (local.get $does) (i32.const 115)) (then
      (call $read)
      (call $say (i32.const 336) (i32.const 8))
      (call $say (i32.const 262144) (global.get $body-size))
      (call $say (i32.const 112) (i32.const 1))
      (call $say (i32.const 112) (i32.const 1))
      (return)))
    ;; /name, /value, /unheaded, /jump
    (if (i32.eq (local.get $does) (i32.const 110)) (then (call $say (i32.const 192) (i32.const 13)) (return)))
    (if (i32.eq (local.get $does) (i32.const 118)) (then (call $say (i32.const 208) (i32.const 13)) (return)))
    (if (i32.eq (local.get $does) (i32.const 117)) (then (call $say (i32.const 240) (i32.const 17)) (return)))
    (if (i32.eq (local.get $does) (i32.const 106)) (then (call $say (i32.const 304) (i32.const 22)) (return)))
    ;; /write: the body to the log
    (if (i32.eq (local.get $does) (i32.const 119)) (then
      (call $read)
      (call $write (i32.const 2) (i32.const 262144) (global.get $body-size))
      (call $say (i32.const 128) (i32.const 26))
      (return)))
    ;; /flood: lines to the log without end
    (if (i32.eq (local.get $does) (i32.const 102)) (then
      (loop $on (call $write (i32.const 2) (i32.const 128) (i32.const 25)) (br $on))))
    ;; /get: the variable of the query's name, or 404
    (if (i32.eq (local.get $does) (i32.const 103)) (then
      (local.set $at (call $length (local.get $query)))
      (memory.copy (i32.const 131072) (local.get $query) (local.get $at))
      (i32.store8 (i32.add (i32.const 131072) (local.get $at)) (i32.const 61))
      (local.set $at (call $value (i32.const 131072) (i32.add (local.get $at) (i32.const 1))))
      (if (i32.eqz (local.get $at)) (then (call $say (i32.const 160) (i32.const 29)) (return)))
      (call $say (i32.const 128) (i32.const 26))
      (call $say (local.get $at) (call $length (local.get $at)))
      (return)))
    ;; /zzz: sleeps for an hour
    (if (i32.eq (local.get $does) (i32.const 122)) (then (call $sleep (i64.const 3600000000000))))
    ;; /parts: a part of the body, a rest of 0.3 s, the other part
    (if (i32.eq (local.get $does) (i32.const 112)) (then
      (call $say (i32.const 128) (i32.const 26))
      (call $say (i32.const 224) (i32.const 6))
      (call $sleep (i64.const 300000000))
      (call $say (i32.const 232) (i32.const 6))
      (return)))
    ;; /quit: ends with 3
    (if (i32.eq (local.get $does) (i32.const 113)) (then (call $exit (i32.const 3))))
    ;; /over: ends with 0 after an answer
    (if (i32.eq (local.get $does) (i32.const 111)) (then
      (call $say (i32.const 128) (i32.const 26))
      (call $say (i32.const 224) (i32.const 5))
      (call $exit (i32.const 0))))
    ;; /clock: both clocks, eight bytes each
    (if (i32.eq (local.get $does) (i32.const 99)) (then
      (drop (call $clock_time_get (i32.const 0) (i64.const 1) (i32.const 512)))
      (drop (call $clock_time_get (i32.const 1) (i64.const 1) (i32.const 520)))
      (call $say (i32.const 128) (i32.const 26))
      (call $say (i32.const 512) (i32.const 16))
      (return)))
    ;; /xyz: what it is told of a first folder and of a socket, one byte each; 0 would be success
    (if (i32.eq (local.get $does) (i32.const 120)) (then
      (call $say (i32.const 128) (i32.const 26))
      (i32.store8 (i32.const 512) (call $prestat (i32.const 3) (i32.const 520)))
      (i32.store8 (i32.const 513) (call $accept (i32.const 3) (i32.const 0) (i32.const 520)))
      (call $say (i32.const 512) (i32.const 2))
      (return)))
    (call $say (i32.const 160) (i32.const 29))))
