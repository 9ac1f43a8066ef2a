"""Running a module on the CPU, by its definition."""

from . import _compiler
from .arrays import check_names, flatten, from_bytes, to_bytes
from .compiler import to_source


class Reference:
    """The functions of an MLIR module, compiled for this machine.

    `module` is text or bytecode of `linalg` on (encoded) tensors; no kernel or
    schedule is involved, so the result is what every kernel is checked against.
    Raises CompileError where the module is wrong.
    """

    def __init__(self, module):
        self._reference = _compiler.Reference(to_source(module))
        self.functions = {f["name"]: f for f in self._reference.functions}

    def run(self, function=None, /, **arguments):
        """Calls a function (the only one, if none is named) on NumPy arrays.

        Arguments are named as in the module; an encoded one is an
        `quantmlir.Encoded`. Returns a dictionary of arrays by result name.
        Raises TypeError or ValueError where they do not fit the function.
        """
        signature = self.signature(function)
        given = flatten(arguments)
        check_names([a["name"] for a in signature["arguments"]], given,
                    signature["name"])
        inputs = []
        for argument in signature["arguments"]:
            name, element = argument["name"], argument["element"]
            data, shape = to_bytes(name, given[name], element, argument["shape"])
            inputs.append((data, list(shape), element))
        results = self._reference.invoke(signature["name"], inputs)
        return {result["name"]: from_bytes(*parts)
                for result, parts in zip(signature["results"], results)}

    def signature(self, function=None):
        """{name, arguments, results} of a function (the only one, if none is named)."""
        if function is None:
            if len(self.functions) != 1:
                raise TypeError("name one of: " + ", ".join(self.functions))
            return next(iter(self.functions.values()))
        try:
            return self.functions[function]
        except KeyError:
            raise TypeError(f"no function '{function}'; there are: "
                            + ", ".join(self.functions)) from None
