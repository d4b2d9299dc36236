"""The files that benchmarks read, generated on first use."""

import shutil
import subprocess
import sys
from pathlib import Path


class Files:
    """A folder of generated files; what is there already is not made again."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder

    def vit_tiny(self, *, typed: bool = False) -> Path:
        """355 nodes, 23 MB: as ViT-Ti/16."""
        return self._vit("vit_tiny", 12, 192, typed=typed)

    def nodes_10k(self) -> Path:
        """10,012 nodes, 10 MB: what 100k nodes are ten times of."""
        return self._vit("nodes_10k", 345, 24)

    def nodes_11k(self, *, typed: bool = False) -> Path:
        """11,607 nodes, 180 MB."""
        return self._vit("nodes_11k", 400, 96, typed=typed)

    def nodes_11k_large(self) -> Path:
        """11,607 nodes, 1.3 GB, all of it in the file."""
        return self._vit("nodes_11k_large", 400, 264)

    def nodes_11k_external(self) -> Path:
        """The same graph with its 1.3 GB beside it."""
        return self._vit("nodes_11k_external", 400, 264, external=True)

    def nodes_100k(self) -> Path:
        """99,999 nodes, 100 MB."""
        return self._vit("nodes_100k", 3448, 24)

    def inventory(self, model: Path) -> Path:
        """The inventory of a file, as JSON with every site."""
        path = model.with_suffix(".json")
        if not path.exists():
            command = [sys.executable, "-m", "opscan", "inspect", str(model), "--sites", "-f", "json", "-o", str(path)]
            subprocess.run(command, check=True)
        return path

    def copies(self, file: Path, count: int) -> list[Path]:
        """The same content under so many names: nobody can see that it is the same."""
        folder = self.folder / f"{file.stem}_copies"
        folder.mkdir(exist_ok=True)
        paths = [folder / f"{number:03}{file.suffix}" for number in range(count)]
        for path in paths:
            if not path.exists():
                shutil.copy(file, path)
        return paths

    def _vit(self, name: str, depth: int, width: int, *, typed: bool = False, external: bool = False) -> Path:
        path = self.folder / f"{name}{'_typed' if typed else ''}.onnx"
        if not path.exists():
            flags = [name for name, wanted in (("--typed", typed), ("--external", external)) if wanted]
            # In a process of its own: what this one holds counts as the memory of all that it starts.
            command = [sys.executable, "-m", "bench.vit_graph", str(path), str(depth), str(width), *flags]
            subprocess.run(command, check=True)
        return path
