"""The process that takes a snapshot beside a running one: ``python -m maillage.bootstrap FOLDER``."""

import sys
from pathlib import Path

from maillage.bootstrap.snapshots import take_in_folder

take_in_folder(Path(sys.argv[1]))
