"""Small WASI commands in CGI style, well and badly behaved, in WebAssembly's text format."""

_HEAD = "Content-Type: text/plain\\n\\n"


def command(text: str, code: str, pages: int = 2) -> str:
    """A module that has ``text`` at address 1,024 and does ``code``. ``$say`` writes so many bytes from an address to a
    file descriptor."""
    return f"""(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") {pages})
  (data (i32.const 1024) "{text}")
  (func $say (param $fd i32) (param $at i32) (param $size i32)
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (local.get $size))
    (drop (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))))
  (func (export "_start") {code})
)"""


NEIGHBOUR = command(f"{_HEAD}well", "(call $say (i32.const 1) (i32.const 1024) (i32.const 30))")
"""Answers ``well``."""

CPU_HOG = command(
    f"{_HEAD}done",
    """(local $n i64)
    (loop $on
      (local.set $n (i64.add (local.get $n) (i64.const 1)))
      (br_if $on (i64.lt_u (local.get $n) (i64.const 100000000))))
    (call $say (i32.const 1) (i32.const 1024) (i32.const 30))""",
)
"""Counts for a good part of a second, then answers."""

ENDLESS = command("", "(loop $on (br $on))")

MEMORY_HOG = command(
    f"{_HEAD}full",
    """(local $at i32)
    (block $full
      (loop $on
        (br_if $full (i32.eq (memory.grow (i32.const 16)) (i32.const -1)))
        (memory.fill (local.tee $at (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 1048576)))
          (i32.const 1) (i32.const 1048576))
        (br $on)))
    (call $say (i32.const 1) (i32.const 1024) (i32.const 30))""",
)
"""Takes and fills all the memory that it gets, then answers."""

LOG_FLOOD = command(
    "a line of a flood that never ends\\n",
    "(loop $on (call $say (i32.const 2) (i32.const 1024) (i32.const 34)) (br $on))",
)

LONG_ANSWER = command(
    _HEAD,
    """(local $n i32)
    (call $say (i32.const 1) (i32.const 1024) (i32.const 26))
    (loop $on
      (call $say (i32.const 1) (i32.const 2048) (i32.const 1048576))
      (br_if $on (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 16))))""",
    pages=20,
)
"""Answers with 16 MiB."""
