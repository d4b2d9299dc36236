"""Core values <-> JSON, with a schema version. The Struct classes here *are* the published schema.

`opscan schema NAME` prints it, and `reports/schemas/` holds it (`make reports`). A change that readers could notice
raises SCHEMA_VERSION, new keys do not.
"""

from typing import Any

import msgspec

from opscan.serde.check import CheckJSON, check_json
from opscan.serde.configuration import ConfigurationFile
from opscan.serde.document import SCHEMA_VERSION, encode
from opscan.serde.inventory import InventoryJSON, inventory_json
from opscan.serde.probe import ProbeJSON, VerifyJSON, probe_json, verify_json
from opscan.serde.profile import ProfileYAML
from opscan.serde.reading import inventory_from_json
from opscan.serde.survey import SurveyJSON, survey_json

__all__ = [
    "DOCUMENTS",
    "SCHEMA_VERSION",
    "check_json",
    "encode",
    "inventory_from_json",
    "inventory_json",
    "probe_json",
    "schemas",
    "survey_json",
    "verify_json",
]

DOCUMENTS = {
    "inventory": InventoryJSON,
    "survey": SurveyJSON,
    "check": CheckJSON,
    "configuration": ConfigurationFile,
    "profile": ProfileYAML,
    "probe": ProbeJSON,
    "verify": VerifyJSON,
}


def documents() -> dict[str, Any]:  # classes, which msgspec types as no more than that
    """Every document by name; those of the answers over many models are imported when asked for."""
    from opscan.serde.answers import FitsJSON, MatrixJSON, RankJSON
    from opscan.serde.diff import DiffJSON
    from opscan.serde.lock import LockCheckJSON, LockYAML

    answers = {"matrix": MatrixJSON, "rank": RankJSON, "fits": FitsJSON, "diff": DiffJSON}
    return DOCUMENTS | answers | {"lockfile": LockYAML, "lock": LockCheckJSON}


def schemas() -> dict[str, dict[str, Any]]:
    """The JSON Schema of every document, by name."""
    return {
        name: {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": f"opscan {name}, schema version {SCHEMA_VERSION}",
            **msgspec.json.schema(document),
        }
        for name, document in documents().items()
    }
