"""The files that benchmarks read, generated on first use."""

from pathlib import Path

import onnx

from bench.vit_graph import vit


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

    def _vit(self, name: str, depth: int, width: int, *, typed: bool = False, external: bool = False) -> Path:
        path = self.folder / f"{name}{'_typed' if typed else ''}.onnx"
        if not path.exists():
            model = vit(depth, width, 3, typed=typed)
            onnx.save(model, path, save_as_external_data=external, location=f"{path.name}.data")
        return path
