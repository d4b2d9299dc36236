#!/bin/sh
# The wheel, built, installed in a clean environment and used from another folder.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/pip" wheel --quiet --no-deps --wheel-dir "$work/dist" "$here"
"$work/venv/bin/pip" install --quiet -c "$here/constraints.txt" "$work"/dist/opscan-*.whl
# A stranger's top-level `models` must neither be shadowed nor get in the way.
mkdir -p "$work/elsewhere/models"
echo 'WHOSE = "a stranger"' > "$work/elsewhere/models/__init__.py"
cd "$work/elsewhere"
"$work/venv/bin/python" -c 'import models; assert models.WHOSE == "a stranger"'
"$work/venv/bin/opscan" models > listed.txt
grep -q vit_b16 listed.txt
"$work/venv/bin/opscan" survey vit_b16 --no-cache --format json > survey.json
"$work/venv/bin/python" - <<'EOF'
import json
(row,) = json.load(open("survey.json"))["rows"]
assert row["captured"], row
assert row["special_operators"][:3] == ["layernorm", "transpose", "matmul"], row
EOF
echo "wheel test: 1 wheel installed, listed and surveyed"
