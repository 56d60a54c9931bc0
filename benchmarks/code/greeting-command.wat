;; The function that the compute scenarios call, as a WASI command in CGI style: text/plain, "hello from " and the path.
;; The words at 65536, past what it uses, make each app's code its own.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get" (func $environ_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ_sizes_get (param i32 i32) (result i32)))
  (memory (export "memory") 2)
  (data (i32.const 16) "PATH_INFO=")
  (data (i32.const 32768) "content-type: text/plain\n\nhello from ")
  (data (i32.const 65536) "of one of many apps")
  ;; whether an entry of the environment begins with the ten letters at 16
  (func $is-path (param $entry i32) (result i32)
    (i32.and
      (i64.eq (i64.load (local.get $entry)) (i64.load (i32.const 16)))
      (i32.eq (i32.load16_u offset=8 (local.get $entry)) (i32.load16_u (i32.const 24)))))
  (func (export "_start")
    (local $nth i32) (local $path i32) (local $size i32)
    (drop (call $environ_sizes_get (i32.const 1024) (i32.const 1028)))
    (drop (call $environ_get (i32.const 2048) (i32.const 16384)))
    (loop $next
      (if (i32.ge_u (local.get $nth) (i32.load (i32.const 1024))) (then unreachable))
      (local.set $path (i32.load (i32.add (i32.const 2048) (i32.mul (local.get $nth) (i32.const 4)))))
      (local.set $nth (i32.add (local.get $nth) (i32.const 1)))
      (br_if $next (i32.eqz (call $is-path (local.get $path)))))
    (local.set $path (i32.add (local.get $path) (i32.const 10)))
    (loop $letter
      (if (i32.load8_u (i32.add (local.get $path) (local.get $size))) (then
        (local.set $size (i32.add (local.get $size) (i32.const 1)))
        (br $letter))))
    (memory.copy (i32.const 32805) (local.get $path) (local.get $size))
    (i32.store (i32.const 1040) (i32.const 32768))
    (i32.store (i32.const 1044) (i32.add (i32.const 37) (local.get $size)))
    (if (call $fd_write (i32.const 1) (i32.const 1040) (i32.const 1) (i32.const 1048)) (then unreachable))))
