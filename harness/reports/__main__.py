"""``python -m harness.reports`` prints the JSON Schema of ``cohort.json``: renews docs/reference/cohort.schema.json."""

from __future__ import annotations

import json

from harness.reports.cohort.machine import json_schema

if __name__ == "__main__":
    print(json.dumps(json_schema(), indent=1))  # noqa: T201 - its only output
