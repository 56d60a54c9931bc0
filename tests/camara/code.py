"""Code to be run: a WASI command that answers as CGI has it."""

import wasmtime


def cgi_command(text: str) -> bytes:
    """A module that answers every request with this text."""
    answer = f"Content-Type: text/plain\r\n\r\n{text}"
    data = "".join(f"\\{byte:02x}" for byte in answer.encode())
    module = wasmtime.wat2wasm(
        f"""(module
          (import "wasi_snapshot_preview1" "fd_write"
            (func $write (param i32 i32 i32 i32) (result i32)))
          (memory (export "memory") 1)
          (data (i32.const 16) "{data}")
          (func (export "_start")
            (i32.store (i32.const 0) (i32.const 16))
            (i32.store (i32.const 4) (i32.const {len(answer)}))
            (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"""
    )
    return bytes(module)
