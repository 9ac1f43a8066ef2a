"""What `compile` makes: kernels, the plan to launch them, and the reference."""

import json
import pathlib

import numpy as np

from . import _runtime
from .arrays import check_names, flatten, read_safetensors
from .device import BoundFunction, Device


class Artifact:
    """A compiled module on disk.

    The directory is checked completely when it is opened: a damaged or
    inconsistent artifact is a ValueError.
    """

    def __init__(self, directory, keep=None):
        self.directory = pathlib.Path(directory)
        self.handle = _runtime.load_artifact(str(directory))
        self.chip = self.handle.chip
        #: What the manifest says of each function, prepare functions included.
        self.functions = self.handle.functions
        self._keep = keep
        self._reference = None
        self._executables = {}

    @property
    def manifest(self):
        """manifest.json as a dictionary (docs/Manifest.md)."""
        return json.loads((self.directory / "manifest.json").read_text())

    @property
    def ptx(self):
        """The PTX text of all kernels."""
        return (self.directory / "module.ptx").read_text()

    @property
    def reference(self):
        """The program as its definition runs it on the CPU."""
        if self._reference is None:
            # Here, so that kernels can be launched where MLIR is not installed.
            from .reference import Reference

            path = self.handle.reference_path
            if path is None:
                raise ValueError(f"{self.directory} holds no reference")
            self._reference = Reference(pathlib.Path(path).read_bytes())
        return self._reference

    @property
    def constants(self):
        """The values that the program itself gives to weights, by name."""
        path = self.handle.constants_path
        return {} if path is None else read_safetensors(path)

    def launches(self, function=None, **dims):
        """[(kernel, grid)] of a launch at the given dynamic dimensions."""
        index = self._index(function)
        names = [dim["name"] for dim in self.functions[index]["dims"]]
        check_names(names, dims, self.functions[index]["name"])
        plan = _runtime.make_plan(self.handle, index, [dims[n] for n in names])
        kernels = [kernel["name"] for kernel in self.manifest["kernels"]]
        return [(kernels[kernel], grid) for kernel, grid in plan.launches]

    def bind(self, function=None, /, device=None, **weights):
        """The function on a device with its weights in place and prepared.

        Weights that the program brings along (`constants`) need not be given.
        """
        device = device or Device()
        if device.ordinal not in self._executables:
            self._executables[device.ordinal] = (
                _runtime.load_executable(device.context, self.handle), device)
        executable, device = self._executables[device.ordinal]
        index = self._index(function)
        known = self._weight_names(index)
        given = {n: v for n, v in self.constants.items() if n in known}
        given.update(flatten(weights))
        if unknown := sorted(given.keys() - known):
            raise TypeError(f"{self.functions[index]['name']}() has no weight "
                            f"{', '.join(unknown)}; its weights: "
                            f"{', '.join(sorted(known)) or 'none'}")
        return BoundFunction(executable, device, self, index, given)

    def run(self, function=None, /, device="cpu", **arguments):
        """Runs a function (the only one, if none is named); results by name.

        `device="cpu"`: NumPy arrays through the reference. `device="cuda"` (or
        a `Device`): the kernels, on NumPy arrays (copied) or on arrays that are
        on the device; the results are `DeviceArray`s, in flight on the default
        stream. Arguments are named as in the module; an encoded one is a
        `quantmlir.Encoded`.
        """
        if device == "cpu":
            name = self.reference.signature(function)["name"]
            self._check_sizes(name, flatten(arguments))
            return self.reference.run(function, **arguments)
        if device == "cuda":
            device = Device()
        elif not isinstance(device, Device):
            raise TypeError("device: expected 'cpu', 'cuda' or a Device, "
                            f"got {device!r}")
        given = flatten(arguments)
        weights = self._weight_names(self._index(function))
        bound = self.bind(function, device=device,
                          **{n: v for n, v in given.items() if n in weights})
        return bound(**{n: v for n, v in given.items() if n not in weights})

    def _check_sizes(self, function, given):
        """ValueError where sizes that the kernels take for equal are not.

        The reference notices too, but deep inside of what it was lowered to.
        """
        for index, info in enumerate(self.functions):
            if info["name"] != function:
                continue
            shapes = [np.shape(given.get(info["buffers"][dim["buffer"]]["name"]))
                      for dim in info["dims"]]
            axes = [dim["axis"] for dim in info["dims"]]
            if all(axis < len(shape) for shape, axis in zip(shapes, axes)):
                _runtime.make_plan(
                    self.handle, index,
                    [shape[axis] for shape, axis in zip(shapes, axes)])

    def _index(self, function):
        main = [i for i, f in enumerate(self.functions)
                if not any(g["prepare"] == i for g in self.functions)]
        if function is None:
            if len(main) != 1:
                raise TypeError("name one of: " + ", ".join(
                    self.functions[i]["name"] for i in main))
            return main[0]
        for index in main:
            if self.functions[index]["name"] == function:
                return index
        raise TypeError(f"no function '{function}'")

    def _weight_names(self, index):
        """What is given once: weights, and all that the prepare function takes."""
        function = self.functions[index]
        names = {b["name"] for b in function["buffers"] if b["role"] == "weight"}
        if function["prepare"] >= 0:
            names |= {b["name"]
                      for b in self.functions[function["prepare"]]["buffers"]
                      if b["role"] in ("input", "weight")}
        return names


def load(directory):
    """Opens an artifact that `quant-compile` or `compile` wrote."""
    return Artifact(directory)
