"""``python -m harness.store`` prints the JSON Schema of ``result.json``: renews docs/reference/result.schema.json."""

from __future__ import annotations

import json

from harness.store import json_schema

if __name__ == "__main__":
    print(json.dumps(json_schema(), indent=1))  # noqa: T201 - its only output
