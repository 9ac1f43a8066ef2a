"""An artifact's main function on a device, with memory of the runtime's own: no
framework is needed."""

import os

import artifact as rt
import numpy as np

#: What memory holds that nobody has written.
POISON = 0xFF


def upload(context, array):
    memory = context.allocate(array.nbytes)
    if array.nbytes:
        memory.write(np.ascontiguousarray(array).tobytes())
    return memory


class Loaded:
    """One artifact, loaded on the device."""

    def __init__(self, context, folder):
        self.context = context
        # Heard by the emulator's driver only, which runs the kernels' MLIR.
        os.environ["QUANTMLIR_EMULATOR_KERNELS"] = os.path.join(folder, "kernels.mlirbc")
        self.artifact = rt.Artifact(context.library, folder)
        self.executable = rt.Executable(context, self.artifact)
        self.function = self.artifact.main()

    def prepare(self, contents):
        """Runs the prepare function; the memory of each prepared buffer, by name.
        `contents(buffer, shape)` gives the array of a weight, or its memory where it
        is on the device already."""
        function = self.function.prepare
        if function is None:
            return {}
        plan = rt.Plan(function)
        memory = {}
        for b in function.by_role(rt.INPUT, rt.WEIGHT):
            value = contents(b, plan.shape(b))
            is_there = isinstance(value, rt.Memory)
            memory[b.name] = value if is_there else upload(self.context, value)
        outputs = function.by_role(rt.OUTPUT)
        for b in outputs:
            memory[b.name] = self.context.allocate(plan.bytes(b))
        space = self.context.allocate(plan.workspace_bytes)
        addresses = {name: m.address for name, m in memory.items()}
        self.executable.launch(plan, addresses, (space.address, space.size))
        self.context.synchronize()
        return {
            b.name: memory[outputs[b.prepared_from].name]
            for b in self.function.by_role(rt.PREPARED)
        }

    def plan_for(self, inputs):
        """The main function for arrays of those shapes."""
        dims = [
            inputs[self.function.buffers[index].name].shape[axis]
            for _, index, axis in self.function.dims
        ]
        return rt.Plan(self.function, dims)

    def output(self):
        (output,) = self.function.by_role(rt.OUTPUT)
        return output
