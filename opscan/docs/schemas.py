"""`schemas/*.json`: the published JSON Schema of every document that `--format json` writes."""

import json

from opscan.docs import Material
from opscan.serde.schemas import schemas


def pages(material: Material) -> dict[str, str]:
    """One file per document; they do not depend on the models."""
    return {f"schemas/{name}.json": json.dumps(schema, indent=2) + "\n" for name, schema in schemas().items()}
