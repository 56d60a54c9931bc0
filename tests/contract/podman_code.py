"""The runtimes' contract app as an image: a shell script behind busybox's nc, a process for each connection."""

import shutil
import tempfile
from pathlib import Path

from maillage.engines.podman.runtime import PodmanRuntime
from maillage.engines.podman.settings import PodmanSettings
from maillage.services.compute.ports import KeyValues
from tests.container_images import docker_archive, layer

_BEGIN = b"#!/busybox sh\nexec /busybox nc -ll -p $PORT -e /handle\n"
_HANDLE = rb"""#!/busybox sh
read -r method target rest
length=0
chunked=
while read -r line; do
  line=${line%?}
  [ -n "$line" ] || break
  case "$line" in
    [Cc]ontent-[Ll]ength:*) length=${line#*: } ;;
    [Tt]ransfer-[Ee]ncoding:*) chunked=1 ;;
  esac
done
body=/tmp/$$
: >$body
take() { [ "$1" -eq 0 ] || /busybox dd iflag=fullblock bs="$1" count=1 2>/dev/null >>$body; }
if [ -n "$chunked" ]; then
  while read -r size; do
    size=$((0x${size%?}))
    [ $size -ne 0 ] || break
    take $size
    read -r rest
  done
  read -r rest
else
  take $length
fi
path=${target%%\?*}
query=
[ "$path" = "$target" ] || query=${target#*\?}
status="200 OK"
case "$path" in
  /get*) /busybox env | /busybox grep "^$query=" >/dev/null || status="404 Not Found"
    /busybox env | /busybox sed -n "s/^$query=//p" | /busybox tr -d '\n' >$body ;;
  /write*) /busybox cat $body >&2; echo >&2 ;;
  /loop*) while :; do :; done ;;
esac
printf 'HTTP/1.1 %s\r\nconnection: close\r\ncontent-length: %s\r\n' "$status" "$(/busybox stat -c %s $body)"
printf 'x-method: %s\r\nx-path: %b\r\nx-query: %s\r\n\r\n' "$method" "${path//%/\\x}" "$query"
/busybox cat $body
/busybox rm $body
"""


def image_archive() -> bytes:
    busybox = Path(shutil.which("busybox") or "").read_bytes()
    files = {"busybox": (busybox, 0o755), "begin": (_BEGIN, 0o755), "handle": (_HANDLE, 0o755)}
    return docker_archive([layer(files)], Entrypoint=["/begin"])


def open_podman(folder: Path, _values: KeyValues) -> PodmanRuntime:
    """In a folder of its own: two that share one take each other's containers for left over."""
    return PodmanRuntime(Path(tempfile.mkdtemp(dir=folder)), PodmanSettings())
