"""The files that benchmarks read, generated for the first row that names them."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from bench.measure import Command, opscan


class Files:
    """A folder of generated files; what is there already is not made again.

    Asking for one only says how it is made: listing rows makes nothing, and a run makes what its rows need.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._recipes: dict[str, Callable[[], None]] = {}
        """Path -> what makes it; each is run once at most."""

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
        command = opscan("inspect", model, "--sites", "-f", "json", "-o", path)
        self._recipes[str(path)] = lambda: None if path.exists() else self._run(command)
        return path

    def copies(self, file: Path, count: int) -> list[Path]:
        """The same content under so many names: nobody can see that it is the same."""
        paths = [self.folder / f"{file.stem}_copies" / f"{number:03}{file.suffix}" for number in range(count)]
        for path in paths:
            self._recipes[str(path)] = lambda path=path: self._copy(file, path)  # type: ignore[misc]
        return paths

    def cache(self, name: str, filling: Command) -> Path:
        """A cache folder that a command fills, anew in each run of the benchmark: captures depend on the code."""
        folder = self.folder / name
        self._recipes[str(folder)] = lambda: self._fill(folder, filling)
        return folder

    def make_for(self, command: Command) -> None:
        """Makes what a command names among its arguments or in its environment. Raises CalledProcessError."""
        for word in (*command.argv, *command.environment.values()):
            if recipe := self._recipes.pop(word, None):
                recipe()

    def _vit(self, name: str, depth: int, width: int, *, typed: bool = False, external: bool = False) -> Path:
        path = self.folder / f"{name}{'_typed' if typed else ''}.onnx"
        flags = [name for name, wanted in (("--typed", typed), ("--external", external)) if wanted]
        # In a process of its own: what this one holds counts as the memory of all that it starts.
        argv = (sys.executable, "-m", "bench.vit_graph", str(path), str(depth), str(width), *flags)
        self._recipes[str(path)] = lambda: None if path.exists() else self._run(Command(name=name, argv=argv))
        return path

    def _copy(self, file: Path, path: Path) -> None:
        self.make_for(Command(name="", argv=(str(file),)))
        path.parent.mkdir(exist_ok=True)
        if not path.exists():
            shutil.copy(file, path)

    def _fill(self, folder: Path, filling: Command) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        self._run(filling)

    def _run(self, command: Command) -> None:
        # It makes its own path, which must not lead to itself.
        self.make_for(Command(name=command.name, argv=command.argv))
        environment = {**os.environ, **command.environment}
        subprocess.run(command.argv, check=True, env=environment, stdout=subprocess.DEVNULL)
