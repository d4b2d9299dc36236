"""Every document's published schema."""

from typing import Any

import msgspec

from opscan.serde.answers import FitsJSON, MatrixJSON, RankJSON
from opscan.serde.check import CheckJSON
from opscan.serde.configuration import ConfigurationFile
from opscan.serde.diff import DiffJSON
from opscan.serde.document import SCHEMA_VERSION
from opscan.serde.inventory import InventoryJSON
from opscan.serde.lock import LockCheckJSON, LockYAML
from opscan.serde.probe import ProbeJSON, VerifyJSON
from opscan.serde.profile import ProfileYAML
from opscan.serde.survey import SurveyJSON

DOCUMENTS = {
    "inventory": InventoryJSON,
    "survey": SurveyJSON,
    "check": CheckJSON,
    "configuration": ConfigurationFile,
    "profile": ProfileYAML,
    "probe": ProbeJSON,
    "verify": VerifyJSON,
    "matrix": MatrixJSON,
    "rank": RankJSON,
    "fits": FitsJSON,
    "diff": DiffJSON,
    "lockfile": LockYAML,
    "lock": LockCheckJSON,
}


def schemas() -> dict[str, dict[str, Any]]:
    """The JSON Schema of every document, by name."""
    return {
        name: {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": f"opscan {name}, schema version {SCHEMA_VERSION}",
            **msgspec.json.schema(document),
        }
        for name, document in DOCUMENTS.items()
    }
