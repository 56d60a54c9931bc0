"""VDA 5050's own schemas, version 2.1.0; MAILLAGE_VDA5050_DIR names another folder that has them."""

import json
import os
from functools import lru_cache
from pathlib import Path
from typing import Any

import jsonschema_rs

from tests.shared_data import shared_file

FOLDER = os.environ.get("MAILLAGE_VDA5050_DIR")


def require(topic: str, payload: bytes) -> dict[str, Any]:
    """The message, if it is as its schema says; the test is skipped where the schemas are not there."""
    document: dict[str, Any] = json.loads(payload)
    faults = [
        f"{fault.message} at {'/'.join(map(str, fault.instance_path))}"
        for fault in _schema(topic).iter_errors(document)
    ]
    assert not faults, f"{topic}: {'; '.join(faults[:3])} in {payload[:400]!r}"
    return document


@lru_cache(maxsize=8)
def _schema(topic: str) -> Any:
    path = Path(FOLDER) / f"{topic}.schema" if FOLDER else shared_file(f"standards/vda5050/{topic}.schema")
    return jsonschema_rs.Draft202012Validator(json.loads(path.read_text("utf-8")), validate_formats=True)
